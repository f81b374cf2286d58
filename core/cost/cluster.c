/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Clusters as values that are shared: a deep copy in one arena, counted by reference.
 */
#include "cost/cost.h"

#include <stdatomic.h>
#include <string.h>

struct owned_cluster {
    struct sc_cluster cluster; /* first: the public pointer is this one */
    struct sc_arena *arena;
    atomic_int references;
};

static const struct {
    const char *name;
} formulas_names[] = {
#define X(id, name, help) {name},
    SC_FORMULAS_MAP(X)
#undef X
};

const char *sc_formulas_name(enum sc_formulas formulas)
{
    return (size_t)formulas < SC_LEN(formulas_names) ? formulas_names[formulas].name : "?";
}

bool sc_formulas_find(const char *name, enum sc_formulas *out)
{
    for (size_t i = 0; i < SC_LEN(formulas_names); i++) {
        if (strcmp(name, formulas_names[i].name) == 0) {
            *out = (enum sc_formulas)i;
            return true;
        }
    }
    return false;
}

static uint64_t hash_double(uint64_t seed, double value)
{
    return sc_hash_bytes(seed, &value, sizeof value);
}

static uint64_t hash_link(uint64_t seed, const struct sc_link *link)
{
    seed = hash_double(seed, link->alpha_s);
    seed = hash_double(seed, link->beta_s);
    return sc_hash_u64(seed, link->shared);
}

/* Everything that prices anything; names and sources do not. */
static uint64_t hash_cluster(const struct sc_cluster *c)
{
    const struct sc_device *d = &c->device;
    const double numbers[] = {d->vector_peak, d->memory_bytes, d->memory_bandwidth, d->memory_efficiency, d->launch_s};
    size_t points = (size_t)d->efficiency_count * sizeof(double);
    uint64_t h = sc_hash_u64(0, (uint64_t)c->hosts);
    h = sc_hash_u64(h, (uint64_t)c->devices_per_host);
    h = sc_hash_bytes(h, d->peak, sizeof d->peak);
    h = sc_hash_bytes(h, numbers, sizeof numbers);
    h = sc_hash_bytes(sc_hash_bytes(h, d->efficiency_flops, points), d->efficiency_fraction, points);
    h = hash_link(hash_link(h, &c->inside), &c->between);
    for (int i = 0; i < c->measured_count; i++) {
        const struct sc_measured *m = &c->measured[i];
        h = sc_hash_u64(h, (uint64_t)m->kind);
        h = sc_hash_u64(h, (uint64_t)m->devices);
        h = sc_hash_u64(h, (uint64_t)m->hosts);
        h = sc_hash_bytes(h, m->bytes, (size_t)m->count * sizeof *m->bytes);
        h = sc_hash_bytes(h, m->seconds, (size_t)m->count * sizeof *m->seconds);
    }
    for (int a = 0; a < c->logical.count; a++)
        h = sc_hash_u64(h, (uint64_t)c->logical.size[a]);
    h = sc_hash_u64(h, (uint64_t)c->formulas);
    for (int i = 0; i < c->axis_count; i++)
        h = hash_double(hash_double(h, c->axis_alpha[i]), c->axis_beta[i]);
    return h;
}

static bool copy_measured(struct sc_arena *arena, struct sc_cluster *c)
{
    struct sc_measured *copy = sc_arena_copy(arena, c->measured, (size_t)c->measured_count * sizeof *copy);
    if (copy == NULL)
        return false;
    for (int i = 0; i < c->measured_count; i++) {
        size_t size = (size_t)copy[i].count * sizeof(double);
        copy[i].bytes = sc_arena_copy(arena, copy[i].bytes, size);
        copy[i].seconds = sc_arena_copy(arena, copy[i].seconds, size);
        if (copy[i].bytes == NULL || copy[i].seconds == NULL)
            return false;
    }
    c->measured = copy;
    return true;
}

static const char *copy_text(struct sc_arena *arena, const char *text)
{
    return sc_arena_strdup(arena, text != NULL ? text : "");
}

struct sc_cluster *sc_cluster_new(const struct sc_cluster *cluster)
{
    struct sc_arena *arena = sc_arena_new();
    struct owned_cluster *owned = arena != NULL ? sc_arena_alloc(arena, sizeof *owned) : NULL;
    if (owned == NULL) {
        sc_arena_free(arena);
        return NULL;
    }
    owned->arena = arena;
    atomic_init(&owned->references, 1);
    struct sc_cluster *c = &owned->cluster;
    *c = *cluster;
    c->name = copy_text(arena, cluster->name);
    c->source = copy_text(arena, cluster->source);
    c->device.name = copy_text(arena, cluster->device.name);
    bool done = c->name != NULL && c->source != NULL && c->device.name != NULL;
    if (done && c->measured_count > 0)
        done = copy_measured(arena, c);
    if (!done) {
        sc_arena_free(arena);
        return NULL;
    }
    c->hash = hash_cluster(c);
    return c;
}

struct sc_cluster *sc_cluster_share(const struct sc_cluster *cluster)
{
    struct owned_cluster *owned = (struct owned_cluster *)cluster;
    atomic_fetch_add(&owned->references, 1);
    return &owned->cluster;
}

void sc_cluster_free(struct sc_cluster *cluster)
{
    struct owned_cluster *owned = (struct owned_cluster *)cluster;
    if (owned != NULL && atomic_fetch_sub(&owned->references, 1) == 1)
        sc_arena_free(owned->arena);
}
