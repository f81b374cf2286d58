/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The one allocator that everything comes through.
 */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

static void *plain(void *user, void *pointer, size_t size)
{
    (void)user;
    if (size == 0) {
        free(pointer);
        return NULL;
    }
    return realloc(pointer, size);
}

static struct sc_allocator current = {plain, NULL};

void sc_set_allocator(const struct sc_allocator *allocator)
{
    current = allocator ? *allocator : (struct sc_allocator){plain, NULL};
}

void *sc_alloc(size_t size)
{
    void *p = current.realloc(current.user, NULL, size ? size : 1);
    if (p)
        memset(p, 0, size);
    return p;
}

void *sc_calloc(size_t count, size_t size)
{
    size_t bytes;
    return __builtin_mul_overflow(count, size, &bytes) ? NULL : sc_alloc(bytes);
}

void *sc_realloc(void *pointer, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        return NULL;
    return current.realloc(current.user, pointer, bytes ? bytes : 1);
}

void sc_free(void *pointer)
{
    if (pointer)
        current.realloc(current.user, pointer, 0);
}

bool sc_vec_reserve_(void **data, size_t *capacity, size_t wanted, size_t item_size)
{
    if (wanted <= *capacity)
        return true;
    size_t grown = *capacity < 8 ? 8 : *capacity + *capacity / 2;
    if (grown < wanted)
        grown = wanted;
    void *moved = sc_realloc(*data, grown, item_size);
    if (!moved)
        return false;
    *data = moved;
    *capacity = grown;
    return true;
}
