/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Settings as values: copying, freeing, hashing.
 */
#include <string.h>

#include "plan/internal.h"

/* The text fields and lists, so that copying and freeing name them once. `decides`: part of the hash. */
static const struct {
    size_t offset;
    bool decides;
} text_fields[] =
    {
        {offsetof(struct sc_settings, model), true},  {offsetof(struct sc_settings, cluster), true},
        {offsetof(struct sc_settings, mesh), true},   {offsetof(struct sc_settings, formulas), true},
        {offsetof(struct sc_settings, method), true}, {offsetof(struct sc_settings, submeshes), true},
        {offsetof(struct sc_settings, plan), false},  {offsetof(struct sc_settings, out), false},
},
  list_fields[] = {
      {offsetof(struct sc_settings, sets), true},         {offsetof(struct sc_settings, pins), true},
      {offsetof(struct sc_settings, cuts), true},         {offsetof(struct sc_settings, no_cuts), true},
      {offsetof(struct sc_settings, stage_meshes), true},
};

static char **text_at(const struct sc_settings *settings, size_t field)
{
    return (char **)((uintptr_t)settings + text_fields[field].offset);
}

static struct sc_texts *list_at(const struct sc_settings *settings, size_t field)
{
    return (struct sc_texts *)((uintptr_t)settings + list_fields[field].offset);
}

void sc_settings_init(struct sc_settings *settings)
{
    *settings = (struct sc_settings){.max_axes = 2};
}

void plan_texts_free(struct sc_texts *texts)
{
    for (int i = 0; i < texts->count; i++)
        sc_free(texts->at[i]);
    sc_free(texts->at);
    *texts = (struct sc_texts){0};
}

bool plan_texts_add(struct sc_texts *texts, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = sc_alloc(size), **at = copy ? sc_realloc(texts->at, (size_t)texts->count + 1, sizeof *at) : NULL;
    if (!at) {
        sc_free(copy);
        return false;
    }
    memcpy(copy, text, size);
    texts->at = at;
    at[texts->count++] = copy;
    return true;
}

void sc_settings_free(struct sc_settings *settings)
{
    for (size_t i = 0; i < SC_LEN(text_fields); i++)
        sc_free(*text_at(settings, i));
    for (size_t i = 0; i < SC_LEN(list_fields); i++)
        plan_texts_free(list_at(settings, i));
    sc_settings_init(settings);
}

bool plan_text_set(char **field, const char *text)
{
    size_t size = text ? strlen(text) + 1 : 0;
    char *copy = text ? sc_alloc(size) : NULL;
    if (text && !copy)
        return false;
    if (copy)
        memcpy(copy, text, size);
    sc_free(*field);
    *field = copy;
    return true;
}

bool sc_settings_set_model(struct sc_settings *settings, const char *path)
{
    return plan_text_set(&settings->model, path);
}

bool sc_settings_copy(struct sc_settings *to, const struct sc_settings *from)
{
    struct sc_settings copy = *from;
    for (size_t i = 0; i < SC_LEN(text_fields); i++)
        *text_at(&copy, i) = NULL;
    for (size_t i = 0; i < SC_LEN(list_fields); i++)
        *list_at(&copy, i) = (struct sc_texts){0};
    bool ok = true;
    for (size_t i = 0; ok && i < SC_LEN(text_fields); i++)
        ok = plan_text_set(text_at(&copy, i), *text_at(from, i));
    for (size_t i = 0; ok && i < SC_LEN(list_fields); i++)
        for (int k = 0; ok && k < list_at(from, i)->count; k++)
            ok = plan_texts_add(list_at(&copy, i), list_at(from, i)->at[k]);
    if (!ok) {
        sc_settings_free(&copy);
        return false;
    }
    *to = copy;
    return true;
}

static uint64_t hash_double(uint64_t hash, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return sc_hash_u64(hash, bits);
}

uint64_t sc_settings_hash(const struct sc_settings *s)
{
    uint64_t hash = 1;
    for (size_t i = 0; i < SC_LEN(text_fields); i++)
        if (text_fields[i].decides)
            hash = sc_hash_text(hash, *text_at(s, i) ? *text_at(s, i) : "");
    for (size_t i = 0; i < SC_LEN(list_fields); i++) {
        const struct sc_texts *list = list_at(s, i);
        hash = sc_hash_u64(hash, (uint64_t)list->count);
        for (int k = 0; k < list->count; k++)
            hash = sc_hash_text(hash, list->at[k]);
    }
    const int64_t numbers[] = {s->devices,
                               s->batch,
                               s->microbatches,
                               s->sequence,
                               (int64_t)s->mode,
                               s->has_precision ? (int64_t)s->precision : -1,
                               (int64_t)s->remat,
                               (int64_t)s->solver,
                               (int64_t)s->uneven,
                               s->no_reduce_scatter,
                               s->no_shard_state,
                               s->no_compute,
                               s->max_axes,
                               (int64_t)s->objective,
                               (int64_t)s->schedule,
                               s->stages_min,
                               s->stages_max,
                               s->layers,
                               s->chunks};
    for (size_t i = 0; i < SC_LEN(numbers); i++)
        hash = sc_hash_u64(hash, (uint64_t)numbers[i]);
    return hash_double(hash_double(hash_double(hash, s->memory_gib), s->time_limit), s->gap);
}
