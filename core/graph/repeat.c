/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Finder of repeated blocks. A unit is a layer (or, inside one layer, an op); units get a hash of the classes of their
 * ops. Runs of equal hashes with one period are candidates, and a candidate counts only after its edges were compared
 * one by one. Wider runs win, then shorter periods: 32 × 25 ops before 16 × 50 ops.
 */
#include "private.h"

#include <stdlib.h>

enum {
    MAX_CANDIDATES = 64,
    MAX_COMPARISONS = 10000000,
    MAX_PERIOD_UNITS = 4096,
    MIN_LENGTH = 2 /* ops: folding single ops hides more than it shows */
};

/* Rolling hashes: the hash of units [i, j) in constant time, to compare runs of any length. */
struct units {
    int count;
    const int *first; /* first op of each unit; first[count] is the end */
    uint64_t *prefix, *power;
    const int *next; /* next unit with the same hash, or `count` */
};

static const uint64_t base_multiplier = 0x9e3779b97f4a7c15u;

static uint64_t run_hash(const struct units *u, int from, int to)
{
    return u->prefix[to] - u->prefix[from] * u->power[to - from];
}

static uint64_t unit_hash(const struct sc_graph *graph, int first, int end)
{
    uint64_t h = sc_hash_u64(0, (uint64_t)(end - first));
    for (int i = first; i < end; i++)
        h = sc_hash_u64(h, (uint64_t)graph->ops[i].klass);
    return h;
}

static bool index_units(struct sc_arena *scratch, const struct sc_graph *graph, struct units *u)
{
    size_t n = (size_t)u->count;
    int *next = sc_arena_calloc(scratch, n + 1, sizeof *next);
    u->prefix = sc_arena_calloc(scratch, n + 1, sizeof *u->prefix);
    u->power = sc_arena_calloc(scratch, n + 1, sizeof *u->power);
    struct sc_map last = {0};
    bool good = next && u->prefix && u->power;
    if (good)
        u->power[0] = 1;
    for (int i = 0; i < u->count && good; i++) {
        uint64_t h = unit_hash(graph, u->first[i], u->first[i + 1]);
        int64_t before;
        u->prefix[i + 1] = u->prefix[i] * base_multiplier + h;
        u->power[i + 1] = u->power[i] * base_multiplier;
        if (sc_map_get(&last, &h, sizeof h, &before))
            next[before] = i;
        next[i] = u->count;
        good = sc_map_put(&last, &h, sizeof h, i);
    }
    sc_map_free(&last);
    u->next = next;
    return good;
}

/* ---- verification ----------------------------------------------------------------------------------- */

/* Does operand k of the op at `offset` come into copy c as it comes into the copies before it? Copies are `length` ops
 * from `first` on. Three ways: from inside the copy, from the copy before it, or from one tensor that all share; copy 0
 * may take from outside what the others take from the copy before. */
static bool edge_repeats(const struct sc_graph *g, int first, int length, int c, int offset, int k)
{
    int here = first + c * length + offset;
    const struct sc_op *now = &g->ops[here], *before = &g->ops[here - length];
    const struct sc_tensor *a = &g->tensors[before->operands[k]], *b = &g->tensors[now->operands[k]];
    if (a == b)
        return b->op < first; /* shared by all: made before the first copy */
    if (a->port != b->port)
        return false;
    int begin = first + c * length;
    if (a->op == b->op - length)
        return b->op >= begin || c > 1 || b->op >= begin - length;
    return c == 1 && a->op < first && b->op >= first && b->op < begin;
}

/* Is copy c equal to the one before it, and does it read what that one computed? Equal siblings (the projections of
 * queries, keys and values) are no repeat: folding them would hide what makes a layer. */
static bool copies_equal(const struct sc_graph *g, int first, int length, int c, int64_t *budget)
{
    bool chained = false;
    for (int offset = 0; offset < length; offset++, --*budget) {
        const struct sc_op *a = &g->ops[first + (c - 1) * length + offset], *b = &g->ops[first + c * length + offset];
        if (a->klass != b->klass || a->operand_count != b->operand_count)
            return false;
        for (int k = 0; k < b->operand_count; k++) {
            int from = g->tensors[b->operands[k]].op;
            chained |= from >= first + (c - 1) * length && from < first + c * length &&
                       sc_kind_source(g->ops[from].kind) == SC_SOURCE_NONE;
            if (!edge_repeats(g, first, length, c, offset, k))
                return false;
        }
    }
    return chained;
}

/* Copies from unit i on with a period of p units: by hash, and then by edges. */
static int count_copies(const struct sc_graph *g, const struct units *u, int i, int p, int64_t *budget)
{
    int first = u->first[i], length = u->first[i + p] - first, copies = 1;
    while (*budget > 0 && i + (copies + 1) * p <= u->count &&
           run_hash(u, i, i + p) == run_hash(u, i + copies * p, i + (copies + 1) * p) &&
           copies_equal(g, first, length, copies, budget))
        copies++;
    return copies;
}

/* ---- search ----------------------------------------------------------------------------------------- */

typedef SC_VEC(struct sc_repeat) repeat_list;

/* "layer" from "layer.0.mlp.fc1" and "layer.1.mlp.fc1": what two copies' first names share, to the last dot. */
static const char *common_name(struct sc_arena *arena, const char *a, const char *b)
{
    size_t same = 0, dot = 0;
    for (; a[same] && a[same] == b[same]; same++)
        if (a[same] == '.')
            dot = same;
    return sc_arena_strndup(arena, a, dot);
}

static bool add_repeat(struct sc_arena *arena, const struct sc_graph *g, repeat_list *list, int first, int length,
                       int count)
{
    struct sc_repeat repeat = {first, length, count,
                               common_name(arena, g->ops[first].name, g->ops[first + length].name)};
    return repeat.name && sc_vec_push(list, repeat);
}

/* Units [0, count): widest run at each place, left to right. Units of runs are marked in `covered` (or NULL);
 * `budget` is what may still be compared, ops and candidates: a hostile graph must not take minutes to fold. */
static bool search(struct sc_arena *arena, const struct sc_graph *g, const struct units *u, repeat_list *list,
                   bool *covered, int64_t *budget)
{
    for (int i = 0; i<u->count && * budget> 0;) {
        int best_period = 0, best_copies = 1, tries = 0;
        for (int j = u->next[i]; j < u->count && j - i <= MAX_PERIOD_UNITS && tries < MAX_CANDIDATES;
             j = u->next[j], tries++) {
            int p = j - i;
            --*budget;
            if (i + 2 * p > u->count || u->first[j] - u->first[i] < MIN_LENGTH ||
                run_hash(u, i, j) != run_hash(u, j, j + p))
                continue;
            int copies = count_copies(g, u, i, p, budget);
            if (copies > 1 && (int64_t)copies * p > (int64_t)best_copies * best_period) {
                best_copies = copies;
                best_period = p;
            }
        }
        if (best_period == 0) {
            i++;
            continue;
        }
        int first = u->first[i], length = u->first[i + best_period] - first;
        if (!add_repeat(arena, g, list, first, length, best_copies))
            return false;
        for (int k = 0; covered && k < best_period * best_copies; k++)
            covered[i + k] = true;
        i += best_period * best_copies;
    }
    return true;
}

/* Repeats inside one layer: its ops are the units. */
static bool search_layer(struct sc_arena *arena, const struct sc_graph *g, const struct sc_layer *layer,
                         repeat_list *list, int64_t *budget)
{
    struct sc_arena *scratch = sc_arena_new();
    int *first = scratch ? sc_arena_calloc(scratch, (size_t)layer->op_count + 1, sizeof *first) : NULL;
    struct units u = {.count = layer->op_count, .first = first};
    bool good = first != NULL;
    for (int i = 0; i <= layer->op_count && good; i++)
        first[i] = layer->first_op + i;
    good = good && index_units(scratch, g, &u) && search(arena, g, &u, list, NULL, budget);
    sc_arena_free(scratch);
    return good;
}

static int by_first(const void *a, const void *b)
{
    return ((const struct sc_repeat *)a)->first - ((const struct sc_repeat *)b)->first;
}

enum sc_status sc_find_repeats(struct sc_arena *arena, const struct sc_graph *graph, const struct sc_repeat **out,
                               int *count)
{
    struct sc_arena *scratch = sc_arena_new();
    size_t layers = (size_t)graph->layer_count;
    int64_t budget = MAX_COMPARISONS;
    int *first = scratch ? sc_arena_calloc(scratch, layers + 1, sizeof *first) : NULL;
    bool *covered = scratch ? sc_arena_calloc(scratch, layers + 1, sizeof *covered) : NULL;
    struct units u = {.count = graph->layer_count, .first = first};
    repeat_list list = {0};
    bool good = first && covered;
    for (size_t l = 0; l <= layers && good; l++)
        first[l] = l < layers ? graph->layers[l].first_op : graph->op_count;
    good = good && index_units(scratch, graph, &u) && search(arena, graph, &u, &list, covered, &budget);
    for (size_t l = 0; l < layers && good; l++)
        good = covered[l] || search_layer(arena, graph, &graph->layers[l], &list, &budget);
    sc_arena_free(scratch);
    if (good && list.count)
        qsort(list.data, list.count, sizeof *list.data, by_first);
    *count = (int)list.count;
    *out = good ? sc_arena_copy(arena, list.count ? list.data : &(struct sc_repeat){0},
                                (list.count ? list.count : 1) * sizeof **out)
                : NULL;
    sc_vec_free(&list);
    return *out ? SC_OK : SC_NO_MEMORY;
}
