/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Hashing and the generator. The mixer is splitmix64's finaliser (Steele, Lea and Flood 2014).
 */
#include <string.h>

#include "base/base.h"

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint64_t sc_hash_u64(uint64_t seed, uint64_t value)
{
    return mix(seed * 0x9e3779b97f4a7c15u + value + 0x632be59bd9b4e019u);
}

uint64_t sc_hash_bytes(uint64_t seed, const void *data, size_t size)
{
    const unsigned char *at = data;
    uint64_t hash = sc_hash_u64(seed, size), word;
    for (; size >= 8; size -= 8, at += 8) {
        memcpy(&word, at, 8);
        hash = sc_hash_u64(hash, word);
    }
    word = 0;
    if (size)
        memcpy(&word, at, size);
    return sc_hash_u64(hash, word);
}

uint64_t sc_hash_text(uint64_t seed, const char *text)
{
    return sc_hash_bytes(seed, text, strlen(text));
}

uint64_t sc_random(uint64_t *state)
{
    *state += 0x9e3779b97f4a7c15u;
    return mix(*state);
}

double sc_random_unit(uint64_t *state)
{
    return (double)(sc_random(state) >> 11) * 0x1p-53;
}

uint64_t sc_random_below(uint64_t *state, uint64_t end)
{
    uint64_t limit = end * (UINT64_MAX / end), value;
    do
        value = sc_random(state);
    while (value >= limit);
    return value % end;
}
