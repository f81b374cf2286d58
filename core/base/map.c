/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The map: entries in order of insertion, open addressing over their indices.
 */
#include <string.h>

#include "base/base.h"

void sc_map_free(struct sc_map *map)
{
    sc_free(map->entries);
    sc_free(map->slots);
    sc_arena_free(map->keys);
    *map = (struct sc_map){0};
}

/* The slot that holds the key, or the free one where it belongs. A slot is an entry's index + 1; 0 is free. */
static size_t find_slot(const struct sc_map *map, const void *key, size_t key_size, uint64_t hash)
{
    size_t slot = (size_t)hash & (map->slot_count - 1);
    for (; map->slots[slot]; slot = (slot + 1) & (map->slot_count - 1)) {
        const struct sc_map_entry *entry = &map->entries[map->slots[slot] - 1];
        if (entry->hash == hash && entry->key_size == key_size && memcmp(entry->key, key, key_size) == 0)
            break;
    }
    return slot;
}

static bool grow_slots(struct sc_map *map)
{
    size_t count = map->slot_count ? map->slot_count * 2 : 16;
    uint32_t *slots = map->count < UINT32_MAX / 2 ? sc_calloc(count, sizeof *slots) : NULL;
    if (!slots)
        return false;
    for (size_t i = 0; i < map->count; i++) {
        size_t slot = (size_t)map->entries[i].hash & (count - 1);
        while (slots[slot])
            slot = (slot + 1) & (count - 1);
        slots[slot] = (uint32_t)i + 1;
    }
    sc_free(map->slots);
    map->slots = slots;
    map->slot_count = count;
    return true;
}

bool sc_map_put(struct sc_map *map, const void *key, size_t key_size, int64_t value)
{
    uint64_t hash = sc_hash_bytes(0, key, key_size);
    if (!map->keys && !(map->keys = sc_arena_new()))
        return false;
    if ((map->count + 1) * 4 > map->slot_count * 3 && !grow_slots(map))
        return false;
    size_t slot = find_slot(map, key, key_size, hash);
    if (map->slots[slot]) {
        map->entries[map->slots[slot] - 1].value = value;
        return true;
    }
    if (!sc_vec_reserve_((void **)&map->entries, &map->capacity, map->count + 1, sizeof *map->entries))
        return false;
    const void *copy = sc_arena_copy(map->keys, key, key_size);
    if (!copy)
        return false;
    map->entries[map->count++] = (struct sc_map_entry){copy, key_size, hash, value};
    map->slots[slot] = (uint32_t)map->count;
    return true;
}

bool sc_map_get(const struct sc_map *map, const void *key, size_t key_size, int64_t *value)
{
    if (!map->slot_count)
        return false;
    size_t slot = find_slot(map, key, key_size, sc_hash_bytes(0, key, key_size));
    if (!map->slots[slot])
        return false;
    if (value)
        *value = map->entries[map->slots[slot] - 1].value;
    return true;
}

bool sc_map_put_text(struct sc_map *map, const char *key, int64_t value)
{
    return sc_map_put(map, key, strlen(key), value);
}

bool sc_map_get_text(const struct sc_map *map, const char *key, int64_t *value)
{
    return sc_map_get(map, key, strlen(key), value);
}
