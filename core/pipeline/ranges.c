/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * ranges: every run of layers as a stage, from below. Each different layer is reduced to a table over the fan-outs that
 * it reads from before and those that it leaves behind; a run from layer i on is then a table over the fan-outs that
 * are still to be read, which takes up one layer after the other (min-plus products, as in Alpa's enumeration of
 * stages, OSDI 2022, section 5.2, but for all last layers at once).
 */
#include <math.h>
#include <string.h>

#include "pipeline/pipeline.h"

enum { MOST_VARS = 24 };
static const double most_entries = 4e6, most_outline = 2e6, most_alone = 1e8;

/* A layer's kind: layers that agree in everything that counts share it. */
struct kind {
    struct sc_problem *problem; /* nodes: own, then fan-outs that are read, then copies of sources */
    struct sc_outliner *outliner;
    int own_count, in_count, out_count, node_count;
    int *kept;     /* of the problem: those read, then those left behind; in_count + out_count */
    int *like;     /* of each node of the problem: a node of the whole, of the first such layer */
    double *table; /* over kept, the last fastest; of the last sweep */
    size_t entries;
    double constant; /* beside it */
    double working;  /* bytes, the least that any plan needs in the layer */
    uint64_t hash;   /* of its content */
    bool impossible; /* in the last sweep */
    bool loose;      /* too much passes its borders: the table is one number, of the layer alone */
};

struct layer {
    int kind;
    int *vars; /* nodes of the whole: as kept of its kind */
};

struct sc_ranges {
    const struct sc_costs *whole;
    const struct sc_problem *problem;
    struct sc_cancel *cancel;
    struct sc_arena *arena;
    int layers, kind_count;
    struct kind *kinds;
    struct layer *layer;
    int *last_read;           /* a node: the last layer that reads it, -1 */
    double **receive, **give; /* a fan-out that crosses: rows, in objective seconds */
    double *tied;             /* [first * layers + last]: at least, for parameters of earlier layers */
    uint64_t *key;            /* [first * layers + last] */
    bool loose;
};

static int layer_of(const struct sc_ranges *r, int node)
{
    const struct sc_cost_node *n = &r->whole->nodes[node];
    return r->whole->graph->ops[n->op >= 0 ? n->op : r->whole->graph->tensors[n->tensor].op].layer;
}

static bool is_source(const struct sc_ranges *r, int node)
{
    const struct sc_cost_node *n = &r->whole->nodes[node];
    int op = n->op >= 0 ? n->op : r->whole->graph->tensors[n->tensor].op;
    return sc_kind_source(r->whole->graph->ops[op].kind) != SC_SOURCE_NONE;
}

static bool crosses(const struct sc_ranges *r, int node)
{
    return r->whole->nodes[node].op < 0 && !is_source(r, node) && r->last_read[node] > layer_of(r, node);
}

static enum sc_status no_memory(struct sc_error *err)
{
    return sc_fail(err, SC_NO_MEMORY, "no memory for the costs of stages");
}

/* ---- layers ----------------------------------------------------------------------------------------- */

/* A layer in the making: its nodes, by their index in the whole, and its edges. */
struct draft {
    struct sc_ranges *r;
    int layer, count, own_count, in_count;
    int *node;  /* own, read, copies */
    int *local; /* of a node of the whole: index here, -1 */
    int edge_count, *edge;
};

static int take(struct draft *d, int node)
{
    if (d->local[node] < 0) {
        d->local[node] = d->count;
        d->node[d->count++] = node;
    }
    return d->local[node];
}

/* edges_to[n] … edges_to[n + 1] - 1 in by_target: the edges that end at n. */
struct index {
    int *first, *edge;
};

static void gather(struct draft *d, const struct index *to, const int *begin)
{
    const struct sc_costs *w = d->r->whole;
    for (int i = begin[d->layer]; i < begin[d->layer + 1]; i++)
        take(d, begin[d->r->layers + 1 + i]);
    d->own_count = d->count;
    for (int pass = 0; pass < 2; pass++) { /* fan-outs that are received, then sources: what feeds them is not ours */
        for (int i = 0; i < d->own_count; i++) {
            int n = d->node[i];
            for (int e = to->first[n]; e < to->first[n + 1]; e++) {
                int from = w->edges[to->edge[e]].from;
                if (layer_of(d->r, from) != d->layer && is_source(d->r, from) == (pass == 1))
                    take(d, from);
            }
        }
        if (pass == 0)
            d->in_count = d->count - d->own_count;
    }
    for (int i = 0; i < d->own_count; i++) {
        int n = d->node[i];
        for (int e = to->first[n]; e < to->first[n + 1]; e++)
            if (d->local[w->edges[to->edge[e]].from] >= 0)
                d->edge[d->edge_count++] = to->edge[e];
    }
}

/* What the content of a layer is, as numbers. */
static bool describe(const struct draft *d, struct sc_str *out)
{
    const struct sc_ranges *r = d->r;
    uint64_t head[3] = {(uint64_t)d->own_count, (uint64_t)d->in_count, (uint64_t)d->count};
    sc_str_addn(out, (const char *)head, sizeof head);
    for (int i = 0; i < d->count; i++) {
        int n = d->node[i], choices = r->problem->choices[n];
        uint64_t row[6] = {(uint64_t)r->whole->nodes[n].klass, (uint64_t)choices, 0, 0, 0, crosses(r, n)};
        row[2] = sc_hash_bytes(5, r->problem->cost[n], (size_t)choices * sizeof(double));
        for (int c = 0; c < choices && i < d->own_count; c++) {
            struct sc_stage_bytes bytes = sc_costs_stage_bytes(r->whole, n, c);
            row[3] = sc_hash_bytes(row[3] + 1, &bytes, sizeof bytes);
        }
        sc_str_addn(out, (const char *)row, sizeof row);
    }
    for (int e = 0; e < d->edge_count; e++) {
        const struct sc_cost_edge *edge = &r->whole->edges[d->edge[e]];
        uint64_t row[3] = {(uint64_t)d->local[edge->from], (uint64_t)d->local[edge->to],
                           (uint64_t)r->problem->edges[d->edge[e]].table};
        sc_str_addn(out, (const char *)row, sizeof row);
    }
    return !out->failed;
}

static enum sc_status build_problem(const struct draft *d, struct kind *k, struct sc_error *err)
{
    const struct sc_problem *p = d->r->problem;
    struct sc_problem_builder *b = sc_problem_builder_new(p->name);
    double *space = NULL;
    size_t size = 0;
    bool ok = b != NULL;
    for (int i = 0; ok && i < d->count; i++)
        ok = sc_problem_add_node(b, p->choices[d->node[i]], p->cost[d->node[i]], NULL) >= 0;
    for (int e = 0; ok && e < d->edge_count; e++) {
        const struct sc_problem_edge *edge = &p->edges[d->edge[e]];
        const struct sc_table *t = &p->tables[edge->table];
        size_t need = (size_t)t->rows * (size_t)t->cols;
        if (need > size) {
            double *grown = sc_realloc(space, need, sizeof *space);
            ok = grown != NULL;
            space = ok ? grown : space;
            size = ok ? need : size;
        }
        for (int row = 0; ok && row < t->rows; row++)
            memcpy(space + (size_t)row * (size_t)t->cols, t->at + (size_t)row * (size_t)t->stride,
                   (size_t)t->cols * sizeof *space);
        int table = ok ? sc_problem_add_table(b, t->rows, t->cols, space, (uint64_t)edge->table + 1) : -1;
        ok = table >= 0 && sc_problem_add_edge(b, d->local[edge->from], d->local[edge->to], table) >= 0;
    }
    if (ok)
        sc_problem_set_quantum(b, p->quantum);
    enum sc_status status = ok ? sc_problem_build(b, &k->problem, err) : no_memory(err);
    sc_problem_builder_free(b);
    sc_free(space);
    return status;
}

static double least_working(const struct draft *d)
{
    double most = 0;
    for (int i = 0; i < d->own_count; i++) {
        int n = d->node[i];
        double least = INFINITY;
        for (int c = 0; c < d->r->problem->choices[n]; c++)
            if (d->r->problem->cost[n][c] < INFINITY)
                least = fmin(least, sc_costs_stage_bytes(d->r->whole, n, c).working);
        most = isfinite(least) ? fmax(most, least) : most;
    }
    return most;
}

static enum sc_status new_kind(const struct draft *d, struct kind *k, struct sc_error *err)
{
    struct sc_arena *arena = d->r->arena;
    *k = (struct kind){.own_count = d->own_count, .in_count = d->in_count, .node_count = d->count, .entries = 1};
    k->kept = sc_arena_calloc(arena, (size_t)d->count + 1, sizeof *k->kept);
    k->like = sc_arena_copy(arena, d->node, ((size_t)d->count + 1) * sizeof *k->like);
    if (k->kept == NULL || k->like == NULL)
        return no_memory(err);
    double entries = 1;
    for (int i = d->own_count; i < d->own_count + d->in_count; i++)
        k->kept[i - d->own_count] = i;
    for (int i = 0; i < d->own_count; i++)
        if (crosses(d->r, d->node[i]))
            k->kept[k->in_count + k->out_count++] = i;
    for (int i = 0; i < k->in_count + k->out_count; i++)
        entries *= d->r->problem->choices[d->node[k->kept[i]]];
    k->loose = entries > most_entries || k->in_count + k->out_count > MOST_VARS;
    k->entries = k->loose ? 1 : (size_t)entries;
    k->table = sc_arena_alloc(arena, k->entries * sizeof *k->table);
    k->working = least_working(d);
    if (k->table == NULL)
        return no_memory(err);
    enum sc_status status = build_problem(d, k, err);
    if (status == SC_OK && !k->loose)
        status = sc_outliner_new(k->problem, k->in_count + k->out_count, k->kept, most_outline, d->r->cancel,
                                 &k->outliner, err);
    if (status == SC_LIMIT || (status == SC_OK && k->loose)) { /* then it is only bounded, by itself */
        k->loose = true;
        k->entries = 1;
        status = sc_outliner_new(k->problem, 0, NULL, most_alone, d->r->cancel, &k->outliner, err);
    }
    return status == SC_LIMIT ? SC_OK : status; /* without an outliner: by the least of every node */
}

static enum sc_status make_layer(struct draft *d, struct sc_map *known, struct sc_error *err)
{
    struct sc_ranges *r = d->r;
    struct layer *l = &r->layer[d->layer];
    struct sc_str text = {0};
    int64_t id = r->kind_count;
    enum sc_status status = describe(d, &text) ? SC_OK : no_memory(err);
    if (status == SC_OK && !sc_map_get(known, sc_str_text(&text), text.length, &id)) {
        if (!sc_map_put(known, sc_str_text(&text), text.length, id))
            status = no_memory(err);
        else
            status = new_kind(d, &r->kinds[r->kind_count++], err);
        r->kinds[id].hash = sc_hash_bytes(11, sc_str_text(&text), text.length);
    }
    sc_str_free(&text);
    if (status != SC_OK)
        return status;
    const struct kind *k = &r->kinds[id];
    l->kind = (int)id;
    l->vars = sc_arena_calloc(r->arena, (size_t)(k->in_count + k->out_count) + 1, sizeof *l->vars);
    if (l->vars == NULL)
        return no_memory(err);
    for (int i = 0; i < k->in_count + k->out_count; i++)
        l->vars[i] = d->node[k->kept[i]];
    return SC_OK;
}

/* begin[l]: where the nodes of layer l begin in what follows the layers + 1 entries. Sources nobody of their layer
 * reads are left out. */
static int *nodes_by_layer(const struct sc_ranges *r, const struct index *from)
{
    const struct sc_costs *w = r->whole;
    int *begin = sc_calloc((size_t)r->layers + 2 + (size_t)w->node_count, sizeof *begin), count = 0;
    for (int l = 0, n = 0; begin && l < r->layers; l++) {
        begin[l] = count;
        for (n = 0; n < w->node_count; n++) {
            if (layer_of(r, n) != l)
                continue;
            bool read = !is_source(r, n);
            for (int e = from->first[n]; e < from->first[n + 1] && !read; e++) {
                int to = w->edges[from->edge[e]].to;
                read = layer_of(r, to) == l;
                for (int f = from->first[to]; w->nodes[to].op < 0 && read && f <= from->first[to + 1]; f++) {
                    if (f == from->first[to + 1]) {
                        read = false;
                        break;
                    }
                    if (layer_of(r, w->edges[from->edge[f]].to) == l)
                        break;
                }
            }
            if (read)
                begin[r->layers + 1 + count++] = n;
        }
    }
    if (begin)
        begin[r->layers] = count;
    return begin;
}

static bool make_index(const struct sc_costs *w, bool by_from, struct index *out)
{
    out->first = sc_calloc((size_t)w->node_count + 2, sizeof *out->first);
    out->edge = sc_calloc((size_t)w->edge_count + 1, sizeof *out->edge);
    if (!out->first || !out->edge)
        return false;
    for (int e = 0; e < w->edge_count; e++)
        out->first[(by_from ? w->edges[e].from : w->edges[e].to) + 1]++;
    for (int n = 0; n < w->node_count; n++)
        out->first[n + 1] += out->first[n];
    int *at = sc_calloc((size_t)w->node_count + 1, sizeof *at);
    for (int e = 0; at && e < w->edge_count; e++) {
        int n = by_from ? w->edges[e].from : w->edges[e].to;
        out->edge[out->first[n] + at[n]++] = e;
    }
    bool ok = at != NULL;
    sc_free(at);
    return ok;
}

static enum sc_status make_layers(struct sc_ranges *r, struct sc_error *err)
{
    const struct sc_costs *w = r->whole;
    struct index to = {0}, from = {0};
    struct sc_map known = {0};
    size_t nodes = (size_t)w->node_count + 1;
    struct draft d = {.r = r};
    d.node = sc_calloc(nodes, sizeof *d.node);
    d.local = sc_calloc(nodes, sizeof *d.local);
    d.edge = sc_calloc((size_t)w->edge_count + 1, sizeof *d.edge);
    int *begin = NULL;
    bool ok = d.node && d.local && d.edge && make_index(w, false, &to) && make_index(w, true, &from);
    for (int e = 0; ok && e < w->edge_count; e++) {
        int layer = layer_of(r, w->edges[e].to);
        if (layer > r->last_read[w->edges[e].from])
            r->last_read[w->edges[e].from] = layer;
    }
    ok = ok && (begin = nodes_by_layer(r, &from)) != NULL;
    enum sc_status status = ok ? SC_OK : no_memory(err);
    for (int n = 0; ok && n < w->node_count; n++)
        d.local[n] = -1;
    for (d.layer = 0; status == SC_OK && d.layer < r->layers; d.layer++) {
        d.count = d.own_count = d.in_count = d.edge_count = 0;
        gather(&d, &to, begin);
        status = sc_cancelled(r->cancel) ? SC_CANCELLED : make_layer(&d, &known, err);
        for (int i = 0; i < d.count; i++)
            d.local[d.node[i]] = -1;
    }
    sc_free(d.node);
    sc_free(d.local);
    sc_free(d.edge);
    sc_free(begin);
    sc_free(to.first);
    sc_free(to.edge);
    sc_free(from.first);
    sc_free(from.edge);
    sc_map_free(&known);
    return status;
}

/* ---- borders ---------------------------------------------------------------------------------------- */

static bool make_borders(struct sc_ranges *r)
{
    const struct sc_costs *w = r->whole;
    struct sc_map known = {0}; /* rows of a class are equal */
    bool ok = true;
    for (int n = 0; ok && n < w->node_count; n++) {
        int64_t like;
        if (!crosses(r, n))
            continue;
        if (sc_map_get(&known, &w->nodes[n].klass, sizeof(int), &like)) {
            r->receive[n] = r->receive[like];
            r->give[n] = r->give[like];
            continue;
        }
        size_t count = (size_t)w->nodes[n].set->count;
        r->receive[n] = sc_arena_calloc(r->arena, count, sizeof(double));
        r->give[n] = sc_arena_calloc(r->arena, count, sizeof(double));
        ok = r->receive[n] && r->give[n] && sc_map_put(&known, &w->nodes[n].klass, sizeof(int), n);
        if (!ok)
            break;
        sc_costs_boundary(w, n, true, r->receive[n]);
        sc_costs_boundary(w, n, false, r->give[n]);
        for (size_t c = 0; c < count; c++) {
            r->receive[n][c] *= w->options.microbatches;
            r->give[n][c] *= w->options.microbatches;
        }
    }
    sc_map_free(&known);
    return ok;
}

/* A stage that reads a parameter of an earlier layer has a copy of it: what that costs at least. */
static bool make_tied(struct sc_ranges *r)
{
    const struct sc_costs *w = r->whole;
    r->tied = sc_arena_calloc(r->arena, (size_t)r->layers * (size_t)r->layers, sizeof *r->tied);
    for (int n = 0; r->tied && n < w->node_count; n++) {
        const struct sc_cost_node *node = &w->nodes[n];
        if (node->op < 0 || sc_kind_source(w->graph->ops[node->op].kind) != SC_SOURCE_PARAMETER)
            continue;
        const struct sc_tensor *t = &w->graph->tensors[w->graph->ops[node->op].results[0]];
        int home = layer_of(r, n);
        double least = INFINITY;
        for (int c = 0; c < r->problem->choices[n]; c++)
            least = fmin(least, r->problem->cost[n][c]);
        for (int first = home + 1; first < r->layers; first++) {
            int read = r->layers; /* the first reader from there on */
            for (int u = 0; u < t->use_count; u++) {
                int layer = w->graph->ops[t->uses[u].op].layer;
                if (layer >= first && layer < read)
                    read = layer;
            }
            for (int last = read; last < r->layers; last++)
                r->tied[first * r->layers + last] += least;
        }
    }
    return r->tied != NULL;
}

/* ---- keys ------------------------------------------------------------------------------------------- */

/* Grows with the run: what its layers are and which tensors pass from which to which; and at its end which tensors go
 * on. Tensors are known by how far from the first layer they were made and which of that layer's they are; those that
 * are received by who reads them first. */
struct live {
    int count, var[4 * MOST_VARS];
};

static int order_in_layer(const struct sc_ranges *r, int var)
{
    const struct layer *made = &r->layer[layer_of(r, var)];
    const struct kind *k = &r->kinds[made->kind];
    int order = 0;
    for (int v = k->in_count; v < k->in_count + k->out_count; v++)
        order += made->vars[v] < var;
    return order;
}

static uint64_t grow_key(const struct sc_ranges *r, uint64_t key, int first, int l, struct live *received)
{
    const struct layer *layer = &r->layer[l];
    const struct kind *k = &r->kinds[layer->kind];
    key = sc_hash_u64(sc_hash_u64(key, k->hash), r->tied[first * r->layers + l] > 0);
    for (int v = 0; v < k->in_count; v++) {
        int var = layer->vars[v], made = layer_of(r, var), at = 0;
        if (made >= first) {
            key = sc_hash_u64(sc_hash_u64(key, (uint64_t)(l - made)), (uint64_t)order_in_layer(r, var));
            continue;
        }
        while (at < received->count && received->var[at] != var)
            at++;
        if (at == received->count && received->count < (int)SC_LEN(received->var))
            received->var[received->count++] = var;
        key = sc_hash_u64(key, ~(uint64_t)at);
    }
    return key;
}

static uint64_t close_key(const struct sc_ranges *r, uint64_t key, int first, int last)
{
    for (int l = first; l <= last; l++) {
        const struct layer *layer = &r->layer[l];
        const struct kind *k = &r->kinds[layer->kind];
        for (int v = k->in_count; v < k->in_count + k->out_count; v++)
            if (r->last_read[layer->vars[v]] > last)
                key = sc_hash_u64(sc_hash_u64(key, (uint64_t)(l - first)), (uint64_t)order_in_layer(r, layer->vars[v]));
    }
    return sc_hash_u64(key, last == r->layers - 1); /* its backward follows at once */
}

static bool make_keys(struct sc_ranges *r)
{
    r->key = sc_arena_calloc(r->arena, (size_t)r->layers * (size_t)r->layers, sizeof *r->key);
    for (int first = 0; r->key && first < r->layers; first++) {
        struct live received = {0};
        uint64_t key = 7;
        for (int last = first; last < r->layers; last++) {
            key = grow_key(r, key, first, last, &received);
            r->key[first * r->layers + last] = close_key(r, key, first, last);
        }
    }
    return r->key != NULL;
}

uint64_t sc_ranges_key(const struct sc_ranges *r, int first, int last)
{
    return r->key[first * r->layers + last];
}

bool sc_ranges_loose(const struct sc_ranges *r)
{
    return r->loose;
}

/* ---- life ------------------------------------------------------------------------------------------- */

enum sc_status sc_ranges_new(const struct sc_costs *whole, const struct sc_problem *problem, struct sc_cancel *cancel,
                             struct sc_ranges **out, struct sc_error *err)
{
    *out = NULL;
    struct sc_arena *arena = sc_arena_new();
    struct sc_ranges *r = arena ? sc_arena_alloc(arena, sizeof *r) : NULL;
    if (!r) {
        sc_arena_free(arena);
        return no_memory(err);
    }
    *r = (struct sc_ranges){.whole = whole, .problem = problem, .cancel = cancel, .arena = arena};
    r->layers = whole->graph->layer_count;
    size_t nodes = (size_t)whole->node_count + 1;
    r->kinds = sc_arena_calloc(arena, (size_t)r->layers + 1, sizeof *r->kinds);
    r->layer = sc_arena_calloc(arena, (size_t)r->layers + 1, sizeof *r->layer);
    r->last_read = sc_arena_calloc(arena, nodes, sizeof *r->last_read);
    r->receive = sc_arena_calloc(arena, nodes, sizeof *r->receive);
    r->give = sc_arena_calloc(arena, nodes, sizeof *r->give);
    enum sc_status status = r->kinds && r->layer && r->last_read && r->receive && r->give ? SC_OK : no_memory(err);
    for (int n = 0; status == SC_OK && n < whole->node_count; n++)
        r->last_read[n] = -1;
    if (status == SC_OK)
        status = make_layers(r, err);
    if (status == SC_OK && !(make_borders(r) && make_tied(r) && make_keys(r)))
        status = no_memory(err);
    if (status != SC_OK) {
        sc_ranges_free(r);
        return status;
    }
    *out = r;
    return SC_OK;
}

void sc_ranges_free(struct sc_ranges *r)
{
    if (!r)
        return;
    for (int k = 0; k < r->kind_count; k++) {
        sc_outliner_free(r->kinds[k].outliner);
        sc_problem_free(r->kinds[k].problem);
    }
    sc_arena_free(r->arena);
}

/* ---- sweeps ----------------------------------------------------------------------------------------- */

static void add_part(const struct kind *k, const struct sc_outline_part *part)
{
    int vars = k->loose ? 0 : k->in_count + k->out_count, at[MOST_VARS] = {0};
    ptrdiff_t step[MOST_VARS] = {0}, run = 1, offset = 0;
    for (int i = part->count - 1; i >= 0; i--) {
        for (int v = 0; v < vars; v++)
            if (k->kept[v] == part->nodes[i])
                step[v] = run;
        run *= k->problem->choices[part->nodes[i]];
    }
    for (size_t e = 0; e < k->entries; e++) {
        k->table[e] += part->at[offset];
        for (int v = vars - 1; v >= 0; v--) {
            offset += step[v];
            if (++at[v] < k->problem->choices[k->kept[v]])
                break;
            offset -= step[v] * at[v];
            at[v] = 0;
        }
    }
}

static double least_of(const double *row, int count)
{
    double least = INFINITY;
    for (int c = 0; c < count; c++)
        least = fmin(least, row[c]);
    return least;
}

/* The rows of a layer's nodes with prices; what is read from before and copies cost nothing here. */
static enum sc_status price_kind(const struct sc_ranges *r, struct kind *k, double price, int in_flight,
                                 struct sc_error *err)
{
    struct sc_arena *arena = sc_arena_new();
    double **rows = arena ? sc_arena_calloc(arena, (size_t)k->node_count + 1, sizeof *rows) : NULL;
    bool ok = rows != NULL;
    double quantum = r->whole->quantum;
    for (int i = 0; ok && i < k->node_count; i++) {
        int n = k->like[i], choices = r->problem->choices[n];
        rows[i] = sc_arena_calloc(arena, (size_t)choices, sizeof **rows);
        ok = rows[i] != NULL;
        for (int c = 0; ok && c < choices; c++) {
            double cost = r->problem->cost[n][c];
            if (i >= k->own_count) {
                rows[i][c] = isfinite(cost) ? 0 : cost;
                continue;
            }
            rows[i][c] = cost;
            if (price > 0 && isfinite(cost)) {
                struct sc_stage_bytes bytes = sc_costs_stage_bytes(r->whole, n, c);
                rows[i][c] += floor(price * (bytes.always + bytes.in_flight * in_flight) / quantum) * quantum;
            }
        }
    }
    const struct sc_outline *outline = NULL;
    enum sc_status status = ok ? SC_OK : no_memory(err);
    if (ok && k->outliner)
        status = sc_outliner_run(k->outliner, (const double *const *)rows, &outline, err);
    k->impossible = status == SC_INFEASIBLE;
    if (status == SC_OK && !outline) {
        k->table[0] = k->constant = 0;
        for (int i = 0; i < k->own_count; i++)
            k->constant += least_of(rows[i], k->problem->choices[i]);
        k->impossible = k->constant == INFINITY;
    } else if (status == SC_OK) {
        memset(k->table, 0, k->entries * sizeof *k->table);
        for (int p = 0; p < outline->part_count; p++)
            add_part(k, &outline->parts[p]);
        k->constant = outline->constant;
        for (int v = k->in_count; !k->loose && v < k->in_count + k->out_count; v++) {
            const struct sc_outline_part own = {1, &k->kept[v], rows[k->kept[v]]};
            add_part(k, &own);
        }
    }
    sc_arena_free(arena);
    return status == SC_INFEASIBLE ? SC_OK : status;
}

/* The table of a run: over the fan-outs that later layers read. */
struct front {
    int count, var[MOST_VARS];
    double *at, *next; /* owned; the next table is made in `next`, and they change places */
    size_t size, next_size;
    double constant;
};

struct axis {
    int var, size;
    ptrdiff_t old, layer, kept; /* steps in the table, in the layer's, in the next table */
    const double *row, *close;  /* received here: its row; when the run ends here: its row */
};

static bool append(struct axis *axes, int *count, int var, int size)
{
    for (int i = 0; i < *count; i++)
        if (axes[i].var == var)
            return true;
    if (*count == MOST_VARS)
        return false;
    axes[(*count)++] = (struct axis){.var = var, .size = size};
    return true;
}

static struct axis *axis_of(struct axis *axes, int count, int var)
{
    for (int i = 0; i < count; i++)
        if (axes[i].var == var)
            return &axes[i];
    return NULL;
}

/* Take up layer `l`. *value: of the run that ends with it. False: too many tensors at once. */
static bool step(const struct sc_ranges *r, struct front *f, int first, int l, double *value)
{
    const struct layer *layer = &r->layer[l];
    const struct kind *k = &r->kinds[layer->kind];
    struct axis axes[MOST_VARS];
    int count = 0, vars = k->in_count + k->out_count, at[MOST_VARS] = {0};
    bool ok = true;
    for (int i = 0; i < f->count; i++)
        ok = ok && append(axes, &count, f->var[i], r->problem->choices[f->var[i]]);
    int old_count = count;
    for (int v = 0; v < vars; v++)
        ok = ok && append(axes, &count, layer->vars[v], r->problem->choices[layer->vars[v]]);
    double entries = 1, kept_entries = 1;
    for (int i = 0; i < count; i++)
        entries *= axes[i].size;
    if (!ok || entries > most_entries)
        return false;
    ptrdiff_t run = 1;
    for (int i = old_count - 1; i >= 0; i--) {
        axes[i].old = run;
        run *= axes[i].size;
    }
    run = 1;
    for (int v = vars - 1; v >= 0; v--) {
        struct axis *a = axis_of(axes, count, layer->vars[v]);
        a->layer = run;
        run *= a->size;
    }
    run = 1;
    struct front next = {.next = f->at, .next_size = f->size, .constant = f->constant + k->constant};
    for (int i = count - 1; i >= 0; i--) {
        struct axis *a = &axes[i];
        int made = layer_of(r, a->var);
        a->row = i >= old_count && made < first ? r->receive[a->var] : NULL;
        a->close = made >= first && r->last_read[a->var] > l ? r->give[a->var] : NULL;
        if (r->last_read[a->var] > l) {
            a->kept = run;
            run *= a->size;
            kept_entries *= a->size;
        }
    }
    for (int i = 0; i < count; i++)
        if (axes[i].kept)
            next.var[next.count++] = axes[i].var;
    if ((size_t)kept_entries > f->next_size) {
        double *grown = sc_realloc(f->next, (size_t)kept_entries, sizeof *grown);
        if (!grown)
            return false;
        f->next = grown;
        f->next_size = (size_t)kept_entries;
    }
    next.at = f->next;
    next.size = f->next_size;
    for (size_t e = 0; e < (size_t)kept_entries; e++)
        next.at[e] = INFINITY;
    double best = INFINITY;
    ptrdiff_t old = 0, in_layer = 0, kept = 0;
    for (size_t e = 0; e < (size_t)entries; e++) {
        double sum = (old_count ? f->at[old] : 0) + k->table[in_layer], close = 0;
        for (int i = 0; i < count; i++) {
            sum += axes[i].row ? axes[i].row[at[i]] : 0;
            close += axes[i].close ? axes[i].close[at[i]] : 0;
        }
        best = sum + close < best ? sum + close : best;
        next.at[kept] = sum < next.at[kept] ? sum : next.at[kept];
        for (int i = count - 1; i >= 0; i--) {
            old += axes[i].old;
            in_layer += axes[i].layer;
            kept += axes[i].kept;
            if (++at[i] < axes[i].size)
                break;
            old -= axes[i].old * at[i];
            in_layer -= axes[i].layer * at[i];
            kept -= axes[i].kept * at[i];
            at[i] = 0;
        }
    }
    if (next.count == 0) {
        next.constant += next.at[0];
        next.at[0] = 0;
    }
    *value = best + f->constant + k->constant;
    *f = next;
    return true;
}

/* The layer alone, whatever it reads: a run costs at least the sum. */
static double alone(const struct kind *k)
{
    double least = INFINITY;
    for (size_t e = 0; e < k->entries; e++)
        least = fmin(least, k->table[e]);
    return least + k->constant;
}

enum sc_status sc_ranges_sweep(struct sc_ranges *r, double price, int in_flight, double *value, struct sc_error *err)
{
    enum sc_status status = SC_OK;
    for (int k = 0; status == SC_OK && k < r->kind_count; k++)
        status = price_kind(r, &r->kinds[k], price, in_flight, err);
    struct front f = {0};
    for (int first = 0; status == SC_OK && first < r->layers; first++) {
        double working = 0, before = 0;
        bool impossible = false, loose = false;
        f.count = 0;
        f.constant = 0;
        if (sc_cancelled(r->cancel))
            status = sc_fail(err, SC_CANCELLED, "cancelled while pricing stages");
        for (int last = first; last < r->layers; last++) {
            const struct kind *k = &r->kinds[r->layer[last].kind];
            double *out = &value[first * r->layers + last];
            impossible |= k->impossible;
            working = fmax(working, k->working);
            *out = INFINITY;
            if (impossible)
                continue;
            if (loose || k->loose || !step(r, &f, first, last, out)) {
                loose = r->loose = true;
                *out = before + alone(k);
            }
            before = *out;
            double room = r->whole->memory_bytes - working;
            if (room < 0)
                *out = INFINITY;
            else if (price > 0) /* rounding up: a bound from below */
                *out -= ceil(price * room / r->whole->quantum + 1) * r->whole->quantum;
            *out += r->tied[first * r->layers + last];
        }
    }
    sc_free(f.at);
    sc_free(f.next);
    return status;
}
