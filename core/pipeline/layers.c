/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Layers from ops. The least largest traffic is found first: with cuts of at most so many bytes allowed, a greedy walk
 * gives the fewest layers, every further allowed cut one more, so the number wanted is possible when it lies between.
 * Among the cuts that this leaves, a dynamic programme over places minimises the sum of traffic, then the squares of
 * FLOPs (their sum is given, so this is their variance).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/pipeline.h"

/* More entries than this (layers x places where each may end) are refused. */
static const double table_limit = 0x1p27;
/* FLOPs within this part of the limit are at the limit: sums round. */
static const double slack = 1e-9;

struct clustering {
    int op_count, layers;
    const double *cut_bytes;
    double *before; /* FLOPs of the ops before each; [op_count] is the sum */
    double limit;   /* FLOPs of a layer */
    int *places;    /* where layers may begin, in order: 0, the allowed cuts, op_count */
    int place_count;
    int *from;     /* [layer * width + place - layer]: the place where the layer that ends here begins */
    double *bytes; /* the best of layers that end at a place, and of those before: [2 * place_count] */
    double *squares;
    struct sc_cancel *cancel;
};

/* ---- input ------------------------------------------------------------------------------------------ */

static enum sc_status check_input(int op_count, const double *flops, const double *cut_bytes, int layers,
                                  double tolerance, struct sc_error *err)
{
    if (layers < 1 || layers > op_count)
        return sc_fail(err, SC_INPUT, "%d layers of %d ops; expected 1 to %d", layers, op_count, op_count);
    if (!isfinite(tolerance) || tolerance < 0)
        return sc_fail(err, SC_INPUT, "a tolerance of %g; expected a number of 0 or more", tolerance);
    for (int i = 0; i < op_count; i++) {
        double bytes = i + 1 < op_count ? cut_bytes[i] : 0;
        if (!isfinite(flops[i]) || flops[i] < 0 || !isfinite(bytes) || bytes < 0)
            return sc_fail(err, SC_INPUT, "op %d has %g FLOPs and %g bytes behind it; expected numbers of 0 or more", i,
                           flops[i], bytes);
    }
    return SC_OK;
}

/* ---- the least largest traffic ---------------------------------------------------------------------- */

/* The fewest layers of at most `limit` FLOPs when only cuts of at most `bytes` are allowed; one more than there are ops
 * when it is impossible. `allowed` gets the number of allowed cuts. */
static int fewest_layers(const struct clustering *c, double limit, double bytes, int *allowed)
{
    int layers = 1, begin = 0, last = 0; /* last: the latest allowed beginning of the next layer */
    bool possible = true;
    *allowed = 0;
    for (int i = 0; i < c->op_count; i++) {
        if (c->before[i + 1] - c->before[begin] > limit && last > begin) {
            begin = last;
            layers++;
        }
        possible &= c->before[i + 1] - c->before[begin] <= limit;
        if (i + 1 < c->op_count && c->cut_bytes[i] <= bytes) {
            last = i + 1;
            ++*allowed;
        }
    }
    return possible ? layers : c->op_count + 1;
}

static bool is_possible(const struct clustering *c, double limit, double bytes)
{
    int allowed, fewest = fewest_layers(c, limit, bytes, &allowed);
    return fewest <= c->layers && c->layers <= allowed + 1;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* A tolerance, rounded up, with which there is a way. */
static double enough_tolerance(const struct clustering *c, double mean)
{
    double low = 1, high = c->layers;
    for (int k = 0; k < 60; k++) {
        double middle = low + (high - low) / 2;
        if (is_possible(c, middle * mean * (1 + slack), INFINITY))
            high = middle;
        else
            low = middle;
    }
    return ceil((high - 1) * 1000) / 1000;
}

static enum sc_status least_traffic(const struct clustering *c, double tolerance, double *bytes, struct sc_error *err)
{
    int low = 0, high = c->op_count - 1; /* numbers of allowed cuts, least first */
    *bytes = INFINITY;
    if (!is_possible(c, c->limit, INFINITY))
        return sc_fail(err, SC_INFEASIBLE,
                       "%d layers within %g of equal FLOPs are impossible; a tolerance of %g would do", c->layers,
                       tolerance, enough_tolerance(c, c->before[c->op_count] / c->layers));
    if (c->layers == 1)
        return SC_OK;
    double *sorted = sc_calloc((size_t)c->op_count, sizeof *sorted);
    if (!sorted)
        return sc_fail(err, SC_NO_MEMORY, "no memory to sort cuts");
    memcpy(sorted, c->cut_bytes, (size_t)(c->op_count - 1) * sizeof *sorted);
    qsort(sorted, (size_t)(c->op_count - 1), sizeof *sorted, by_value);
    while (low + 1 < high) {
        int middle = low + (high - low) / 2;
        if (is_possible(c, c->limit, sorted[middle - 1]))
            high = middle;
        else
            low = middle;
    }
    *bytes = sorted[high - 1];
    sc_free(sorted);
    return SC_OK;
}

/* ---- the programme ---------------------------------------------------------------------------------- */

static bool list_places(struct clustering *c, double bytes)
{
    c->places = sc_calloc((size_t)c->op_count + 1, sizeof *c->places);
    if (!c->places)
        return false;
    c->place_count = 1;
    for (int i = 1; i < c->op_count; i++)
        if (c->cut_bytes[i - 1] <= bytes)
            c->places[c->place_count++] = i;
    c->places[c->place_count++] = c->op_count;
    return true;
}

/* Layer `layer` may end at place layer + 1 + slack, where slack < width: so many places have to be left for the others.
 */
static void end_layer(struct clustering *c, int layer, int place, int width, double mean)
{
    const double *bytes_before = c->bytes + (size_t)((layer + 1) % 2) * (size_t)c->place_count;
    const double *squares_before = c->squares + (size_t)((layer + 1) % 2) * (size_t)c->place_count;
    size_t here = (size_t)(layer % 2) * (size_t)c->place_count + (size_t)place;
    double best = INFINITY, squares = INFINITY, end = c->before[c->places[place]];
    int from = -1;
    for (int p = layer == 0 ? 0 : place - 1; p >= layer && end - c->before[c->places[p]] <= c->limit; p--) {
        double size = mean > 0 ? (end - c->before[c->places[p]]) / mean : 0;
        double bytes = bytes_before[p] + (p > 0 ? c->cut_bytes[c->places[p] - 1] : 0);
        double sum = squares_before[p] + size * size;
        if (bytes < best || (bytes == best && sum < squares)) {
            best = bytes;
            squares = sum;
            from = p;
        }
    }
    c->bytes[here] = best;
    c->squares[here] = squares;
    c->from[(size_t)layer * (size_t)width + (size_t)(place - layer - 1)] = from;
}

static enum sc_status find_cuts(struct clustering *c, int *first_op, struct sc_error *err)
{
    int width = c->place_count - c->layers; /* places where each layer may end */
    double mean = c->before[c->op_count] / c->layers;
    if ((double)width * c->layers > table_limit)
        return sc_fail(err, SC_LIMIT, "%d layers of %d ops, with %d places to cut, are too many to cluster", c->layers,
                       c->op_count, c->place_count - 2);
    c->from = sc_calloc((size_t)width * (size_t)c->layers, sizeof *c->from);
    c->bytes = sc_calloc(2 * (size_t)c->place_count, sizeof *c->bytes);
    c->squares = sc_calloc(2 * (size_t)c->place_count, sizeof *c->squares);
    if (!c->from || !c->bytes || !c->squares)
        return sc_fail(err, SC_NO_MEMORY, "no memory to cluster %d ops", c->op_count);
    /* Before layer 0 only place 0 is reached, at no cost; the last layer ends at the last place. */
    for (int p = 1; p < c->place_count; p++)
        c->bytes[c->place_count + p] = c->squares[c->place_count + p] = INFINITY;
    for (int layer = 0; layer < c->layers; layer++)
        for (int place = layer + (layer + 1 < c->layers ? 1 : width); place <= layer + width; place++) {
            if (place % 16 == 0 && sc_cancel_work(c->cancel, 16))
                return sc_fail(err, SC_CANCELLED, "cancelled while clustering layers");
            end_layer(c, layer, place, width, mean);
        }
    for (int layer = c->layers - 1, place = c->place_count - 1; layer >= 0; layer--) {
        place = c->from[(size_t)layer * (size_t)width + (size_t)(place - layer - 1)];
        first_op[layer] = c->places[place];
    }
    return SC_OK;
}

enum sc_status sc_cluster_layers(int op_count, const double *flops, const double *cut_bytes, int layers,
                                 double tolerance, struct sc_cancel *cancel, int *first_op, struct sc_error *err)
{
    struct clustering c = {.op_count = op_count, .layers = layers, .cut_bytes = cut_bytes, .cancel = cancel};
    enum sc_status status = check_input(op_count, flops, cut_bytes, layers, tolerance, err);
    double bytes;
    if (status != SC_OK)
        return status;
    c.before = sc_calloc((size_t)op_count + 1, sizeof *c.before);
    if (!c.before)
        return sc_fail(err, SC_NO_MEMORY, "no memory to cluster %d ops", op_count);
    for (int i = 0; i < op_count; i++)
        c.before[i + 1] = c.before[i] + flops[i];
    c.limit = (1 + tolerance) * (1 + slack) * (c.before[op_count] / layers);
    if (!isfinite(c.before[op_count]))
        status = sc_fail(err, SC_INPUT, "the sum of FLOPs overflows");
    if (status == SC_OK)
        status = least_traffic(&c, tolerance, &bytes, err);
    if (status == SC_OK)
        status = list_places(&c, bytes) ? find_cuts(&c, first_op, err)
                                        : sc_fail(err, SC_NO_MEMORY, "no memory to cluster %d ops", op_count);
    sc_free(c.before);
    sc_free(c.places);
    sc_free(c.from);
    sc_free(c.bytes);
    sc_free(c.squares);
    return status;
}

/* ---- graphs ----------------------------------------------------------------------------------------- */

/* The ops that compute, in order; what passes behind each. */
struct line {
    int count;
    int *ops, *first_op;
    const char **names;
    double *flops, *cut_bytes;
};

/* Bytes of a result count from its producer to its last reader. */
static void measure(const struct sc_graph *graph, struct line *line, int *place)
{
    for (int i = 0; i < graph->op_count; i++) {
        if (sc_kind_source(graph->ops[i].kind) != SC_SOURCE_NONE)
            continue;
        place[i] = line->count;
        line->ops[line->count] = i;
        line->names[line->count] = graph->ops[i].name;
        line->flops[line->count++] = graph->ops[i].flops;
    }
    for (int t = 0; t < graph->tensor_count; t++) {
        const struct sc_tensor *tensor = &graph->tensors[t];
        if (tensor->use_count == 0 || sc_kind_source(graph->ops[tensor->op].kind) != SC_SOURCE_NONE)
            continue;
        line->cut_bytes[place[tensor->op]] += sc_tensor_bytes(tensor);
        line->cut_bytes[place[tensor->uses[tensor->use_count - 1].op]] -= sc_tensor_bytes(tensor);
    }
    for (int i = 1; i < line->count; i++)
        line->cut_bytes[i] = fmax(0, line->cut_bytes[i] + line->cut_bytes[i - 1]);
}

enum sc_status sc_cluster_graph(const struct sc_graph *graph, int layers, double tolerance, struct sc_cancel *cancel,
                                struct sc_graph **out, struct sc_error *err)
{
    struct sc_arena *scratch = sc_arena_new();
    size_t ops = (size_t)graph->op_count;
    struct line line = {0};
    int *place = NULL;
    enum sc_status status = SC_OK;
    *out = NULL;
    if (scratch) {
        place = sc_arena_calloc(scratch, ops, sizeof *place);
        line.ops = sc_arena_calloc(scratch, ops, sizeof *line.ops);
        line.first_op = sc_arena_calloc(scratch, ops, sizeof *line.first_op);
        line.names = sc_arena_calloc(scratch, ops, sizeof *line.names);
        line.flops = sc_arena_calloc(scratch, ops, sizeof *line.flops);
        line.cut_bytes = sc_arena_calloc(scratch, ops, sizeof *line.cut_bytes);
    }
    if (!place || !line.ops || !line.first_op || !line.names || !line.flops || !line.cut_bytes) {
        sc_arena_free(scratch);
        return sc_fail(err, SC_NO_MEMORY, "no memory to cluster layers");
    }
    measure(graph, &line, place);
    if (layers == 0)
        for (int i = 0; i < line.count; i++)
            line.first_op[i] = i;
    else
        status =
            sc_cluster_layers(line.count, line.flops, line.cut_bytes, layers, tolerance, cancel, line.first_op, err);
    for (int l = 0; l < (layers ? layers : line.count) && status == SC_OK; l++)
        line.first_op[l] = l == 0 ? 0 : line.ops[line.first_op[l]];
    if (status == SC_OK)
        status =
            sc_graph_relayer(graph, layers ? layers : line.count, line.first_op, layers ? NULL : line.names, out, err);
    sc_arena_free(scratch);
    return status;
}
