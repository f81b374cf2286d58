/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Arenas: chunks of doubling size, freed together.
 */
#include <stdio.h>
#include <string.h>

#include "base/base.h"

enum { FIRST_CHUNK = 4096, LARGEST_GROWTH = 4 << 20 };

struct chunk {
    struct chunk *next; /* older */
    size_t size, used;  /* of the bytes behind the header */
};

struct sc_arena {
    struct chunk *newest;
    size_t bytes;
};

struct sc_arena *sc_arena_new(void)
{
    return sc_alloc(sizeof(struct sc_arena));
}

static void free_chunks(struct chunk *chunk)
{
    while (chunk) {
        struct chunk *next = chunk->next;
        sc_free(chunk);
        chunk = next;
    }
}

void sc_arena_free(struct sc_arena *arena)
{
    if (!arena)
        return;
    free_chunks(arena->newest);
    sc_free(arena);
}

void sc_arena_reset(struct sc_arena *arena)
{
    struct chunk *largest = arena->newest, **link;
    for (struct chunk *c = arena->newest; c; c = c->next)
        if (c->size > largest->size)
            largest = c;
    if (!largest)
        return;
    for (link = &arena->newest; *link != largest; link = &(*link)->next)
        ;
    *link = largest->next;
    free_chunks(arena->newest);
    largest->next = NULL;
    largest->used = 0;
    arena->newest = largest;
    arena->bytes = sizeof(struct chunk) + largest->size;
}

/* The address behind a chunk's header is not aligned to 32: padding is counted per allocation. */
static void *take(struct chunk *chunk, size_t size, size_t align)
{
    uintptr_t base = (uintptr_t)(chunk + 1), at = (base + chunk->used + align - 1) & ~(uintptr_t)(align - 1);
    size_t end = (size_t)(at - base);
    if (end > chunk->size || size > chunk->size - end)
        return NULL;
    chunk->used = end + size;
    return memset((void *)at, 0, size);
}

void *sc_arena_alloc(struct sc_arena *arena, size_t size)
{
    size_t align = size >= 32 ? 32 : 16;
    void *p = arena->newest ? take(arena->newest, size, align) : NULL;
    if (p)
        return p;
    if (size > SIZE_MAX / 2)
        return NULL;
    size_t grown = arena->newest ? arena->newest->size * 2 : FIRST_CHUNK;
    if (grown > LARGEST_GROWTH)
        grown = LARGEST_GROWTH;
    if (grown < size + align)
        grown = size + align;
    struct chunk *chunk = sc_realloc(NULL, 1, sizeof *chunk + grown);
    if (!chunk)
        return NULL;
    /* A chunk made for one large block goes behind the newest, whose room stays in use. */
    struct chunk **link = arena->newest && size > LARGEST_GROWTH / 2 ? &arena->newest->next : &arena->newest;
    *chunk = (struct chunk){*link, grown, 0};
    *link = chunk;
    arena->bytes += sizeof *chunk + grown;
    return take(chunk, size, align);
}

void *sc_arena_calloc(struct sc_arena *arena, size_t count, size_t size)
{
    size_t bytes;
    return __builtin_mul_overflow(count, size, &bytes) ? NULL : sc_arena_alloc(arena, bytes);
}

void *sc_arena_copy(struct sc_arena *arena, const void *data, size_t size)
{
    void *copy = sc_arena_alloc(arena, size);
    if (copy && size)
        memcpy(copy, data, size);
    return copy;
}

char *sc_arena_strndup(struct sc_arena *arena, const char *text, size_t length)
{
    char *copy = sc_arena_alloc(arena, length + 1);
    if (copy && length)
        memcpy(copy, text, length);
    return copy;
}

char *sc_arena_strdup(struct sc_arena *arena, const char *text)
{
    return sc_arena_strndup(arena, text, strlen(text));
}

char *sc_arena_printf(struct sc_arena *arena, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = length < 0 ? NULL : sc_arena_alloc(arena, (size_t)length + 1);
    if (text)
        vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text;
}

size_t sc_arena_bytes(const struct sc_arena *arena)
{
    return arena->bytes + sizeof *arena;
}
