/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * dot: the graph for Graphviz, as the cost tables see it: a node an op, a point where a tensor is laid out for several
 * readers, an edge for a tensor's way with the resharding on it. Stages and layers are clusters. Copies of a repeated
 * block that choose alike are drawn once, with dashed edges from a copy to the next.
 */
#include <stdio.h>
#include <string.h>

#include "export/internal.h"

struct drawing {
    const struct sc_plan *plan;
    struct sc_str *out;
    struct sc_arena *arena;
    int *shown;          /* an op: the op that stands for it */
    int *copies;         /* a shown op: so many it stands for, itself too; others 0 */
    int *layer_copies;   /* a layer: the copies of its ops where they are all alike; else 0 */
    struct sc_map drawn; /* edges, by what they connect */
};

/* ---- folding ---- */

/* Do copies a and b of a block choose alike, in one stage? */
static bool copies_agree(const struct sc_plan *plan, const struct sc_repeat *repeat, int a, int b)
{
    for (int k = 0; k < repeat->length; k++) {
        int p = repeat->first + a * repeat->length + k, q = repeat->first + b * repeat->length + k;
        const struct sc_plan *stage = sc_plan_of_op(plan, p);
        if (stage != sc_plan_of_op(plan, q) || !sc_plan_same_strategy(plan, p, q) ||
            stage->pinned[p] != stage->pinned[q])
            return false;
    }
    return true;
}

static void fold_repeat(struct drawing *d, const struct sc_repeat *repeat)
{
    for (int copy = 0, same; copy < repeat->count; copy += same) {
        for (same = 1; copy + same < repeat->count && copies_agree(d->plan, repeat, copy, copy + same);)
            same++;
        for (int k = 0; k < repeat->length * same; k++) {
            int first = repeat->first + copy * repeat->length;
            d->shown[first + k] = first + k % repeat->length;
            d->copies[first + k] = k < repeat->length ? same : 0;
        }
    }
}

static bool fold(struct drawing *d, bool all)
{
    const struct sc_graph *graph = d->plan->graph;
    d->shown = sc_arena_calloc(d->arena, (size_t)graph->op_count + 1, sizeof *d->shown);
    d->copies = sc_arena_calloc(d->arena, (size_t)graph->op_count + 1, sizeof *d->copies);
    d->layer_copies = sc_arena_calloc(d->arena, (size_t)graph->layer_count + 1, sizeof *d->layer_copies);
    if (!d->shown || !d->copies || !d->layer_copies)
        return false;
    for (int op = 0; op < graph->op_count; op++) {
        d->shown[op] = op;
        d->copies[op] = 1;
    }
    for (int r = 0; !all && r < graph->repeat_count; r++)
        fold_repeat(d, &graph->repeats[r]);
    for (int l = 0; l < graph->layer_count; l++) {
        const struct sc_layer *layer = &graph->layers[l];
        d->layer_copies[l] = d->copies[layer->first_op];
        for (int k = 1; k < layer->op_count; k++)
            d->layer_copies[l] = d->copies[layer->first_op + k] == d->layer_copies[l] ? d->layer_copies[l] : 0;
    }
    return true;
}

/* The node that stands for a node of a stage. A fan-out that its copy does not have stands for itself. */
static int shown_node(const struct drawing *d, const struct export_place *place)
{
    const struct sc_costs *costs = place->plan->costs;
    if (!place->owned)
        return place->node;
    int op = d->shown[place->op];
    if (place->tensor < 0)
        return costs->op_node[op];
    int node = costs->fanout_node[d->plan->graph->ops[op].results[d->plan->graph->tensors[place->tensor].port]];
    return node >= 0 ? node : place->node;
}

/* ---- nodes ---- */

/* Fill colours of stages, light enough for black text; they come again after so many. */
static const char *const colours[] = {"#cfe2f3", "#d9ead3", "#fff2cc", "#f4cccc", "#d9d2e9", "#d0e0e3",
                                      "#fce5cd", "#ead1dc", "#e2efc5", "#dbe5f1", "#f3e0b5", "#e6e6e6"};

/* Shapes by what an op is. */
static const char *const shapes[] = {[SC_SOURCE_NONE] = "box",
                                     [SC_SOURCE_INPUT] = "note",
                                     [SC_SOURCE_PARAMETER] = "ellipse",
                                     [SC_SOURCE_CACHE] = "cylinder"};

static void put_collective(struct sc_str *out, const struct sc_item *item, const char *end)
{
    char bytes[32];
    sc_format_bytes(item->bytes, bytes, sizeof bytes);
    sc_str_addf(out, "%s ", sc_collective_name(item->kind));
    export_put_axes(out, item->axes);
    sc_str_addf(out, "%s%s %s%s", item->axes ? " " : "", bytes, sc_phase_name(item->phase), end);
}

static void put_collectives(struct sc_str *out, const struct sc_item *items, int count)
{
    for (int i = 0; i < count; i++)
        if (items[i].collective && items[i].seconds > 0)
            put_collective(out, &items[i], "\\n");
}

static void put_op_label(struct drawing *d, const struct export_place *place)
{
    const struct sc_op *op = &d->plan->graph->ops[place->op];
    struct sc_item items[SC_MAX_ITEMS];
    char text[96];
    export_put_dot(d->out, op->name);
    if (place->owned && d->copies[place->op] > 1 && d->layer_copies[op->layer] == 0)
        sc_str_addf(d->out, " \xc3\x97%d", d->copies[place->op]);
    sc_strategy_format(d->plan->graph, place->op, place->strategy, text, sizeof text);
    sc_str_addf(d->out, "\\n%s  ", op->kind->name);
    export_put_dot(d->out, text);
    struct sc_op_cost cost = place->owned ? sc_plan_op_cost(d->plan, place->op) : export_copy_cost(place);
    sc_format_seconds(cost.total_s * (place->owned ? d->copies[place->op] : 1), text, sizeof text);
    sc_str_addf(d->out, "\\n%s%s", cost.total_s > 0 ? text : "", cost.total_s > 0 ? "\\n" : "");
    put_collectives(d->out, items,
                    sc_costs_node_items(place->plan->costs, place->node, place->plan->choice[place->node], items));
}

static void put_node(struct drawing *d, int stage, const struct export_place *place)
{
    const struct sc_graph *graph = d->plan->graph;
    sc_str_addf(d->out, "      s%d_n%d [", stage, place->node);
    if (place->tensor < 0) {
        sc_str_add(d->out, "label=\"");
        put_op_label(d, place);
        sc_str_addf(d->out, "\", shape=%s, fillcolor=\"%s\", style=\"filled%s%s\"];\n", shapes[place->source],
                    colours[(size_t)stage % SC_LEN(colours)], place->owned ? "" : ",dashed",
                    place->owned && place->plan->pinned[place->op] ? ",bold" : "");
        return;
    }
    char spec[64];
    sc_spec_format(place->strategy->result[0], graph->tensors[place->tensor].rank, spec, sizeof spec);
    sc_str_addf(d->out, "label=\"\", xlabel=\"%s\", shape=point, tooltip=\"", spec);
    export_put_dot(d->out, graph->tensors[place->tensor].name);
    sc_str_add(d->out, "\"];\n");
}

static void open_layer(struct drawing *d, int stage, int layer)
{
    sc_str_addf(d->out, "    subgraph cluster_s%d_l%d {\n      color=\"#888888\"; label=\"", stage, layer);
    export_put_dot(d->out, d->plan->graph->layers[layer].name);
    if (d->layer_copies[layer] > 1)
        sc_str_addf(d->out, " \xc3\x97%d", d->layer_copies[layer]);
    sc_str_add(d->out, "\";\n");
}

/* The nodes of a stage: first what comes from elsewhere, then those of its own ops, in clusters by layer. */
static void put_nodes(struct drawing *d, int stage)
{
    const struct sc_plan *plan = d->plan->stages[stage].plan;
    int open = -1;
    for (int pass = 0; pass < 2; pass++)
        for (int n = 0; n < plan->costs->node_count; n++) {
            struct export_place place = export_place_at(plan, n);
            int layer = place.owned ? d->plan->graph->ops[place.op].layer : -1;
            if (place.owned != (pass == 1) || shown_node(d, &place) != n)
                continue;
            if (layer != open) {
                sc_str_add(d->out, open >= 0 ? "    }\n" : "");
                open_layer(d, stage, layer);
                open = layer;
            }
            put_node(d, stage, &place);
        }
    sc_str_add(d->out, open >= 0 ? "    }\n" : "");
}

/* ---- edges ---- */

/* Is this the first edge between these nodes and at this port? */
static bool first_drawn(struct drawing *d, int from_stage, int from, int to_stage, int to, int port)
{
    const int key[] = {from_stage, from, to_stage, to, port};
    int64_t seen;
    if (sc_map_get(&d->drawn, key, sizeof key, &seen))
        return false;
    d->out->failed |= !sc_map_put(&d->drawn, key, sizeof key, 1);
    return true;
}

static void put_edge(struct drawing *d, int stage, int e)
{
    const struct sc_plan *plan = d->plan->stages[stage].plan;
    const struct sc_cost_edge *edge = &plan->costs->edges[e];
    struct export_place from = export_place_at(plan, edge->from), to = export_place_at(plan, edge->to);
    struct sc_item items[SC_MAX_ITEMS];
    int shown_from = shown_node(d, &from), shown_to = shown_node(d, &to);
    if (!first_drawn(d, stage, shown_from, stage, shown_to, edge->port))
        return;
    bool around = shown_from >= shown_to; /* from a copy to the next, which the same node stands for */
    sc_str_addf(d->out, "    s%d_n%d -> s%d_n%d [label=\"", stage, shown_from, stage, shown_to);
    put_collectives(d->out, items,
                    sc_costs_edge_items(plan->costs, e, plan->choice[edge->from], plan->choice[edge->to], items));
    sc_str_addf(d->out, "\", tooltip=\"");
    export_put_dot(d->out, plan->graph->tensors[edge->tensor].name);
    sc_str_addf(d->out, "\"%s%s];\n", around ? ", style=dashed, constraint=false" : "",
                to.tensor >= 0 ? ", arrowhead=none" : "");
}

/* From the stage that has a tensor or a parameter to a stage that has it from there. */
static void put_crossing(struct drawing *d, int stage, const struct export_place *place)
{
    const struct sc_graph *graph = d->plan->graph;
    int home = sc_plan_stage_of_op(d->plan, place->op), tensor = graph->ops[place->op].results[0];
    const struct sc_plan *plan = d->plan->stages[home].plan;
    char bytes[32];
    bool received = place->source == SC_SOURCE_NONE && place->tensor >= 0;
    if (place->owned || (!received && (place->tensor >= 0 || place->source != SC_SOURCE_PARAMETER)))
        return;
    tensor = received ? place->tensor : tensor;
    int node = plan->costs->fanout_node[tensor];
    struct export_place from = export_place_at(plan, node >= 0 && received ? node : plan->costs->op_node[place->op]);
    int shown = shown_node(d, &from);
    if (!first_drawn(d, home, shown, stage, place->node, 0))
        return;
    sc_format_bytes(sc_tensor_bytes(&graph->tensors[tensor]), bytes, sizeof bytes);
    sc_str_addf(d->out, "  s%d_n%d -> s%d_n%d [label=\"%s %s\", style=%s, color=\"#a00000\"];\n", home, shown, stage,
                place->node, received ? "send" : "tied", bytes, received ? "bold" : "dotted");
}

static void put_stage(struct drawing *d, int stage)
{
    const struct sc_plan_stage *s = &d->plan->stages[stage];
    sc_str_addf(d->out, "  subgraph cluster_s%d {\n    label=\"stage %d: %d x %d devices as ", stage, stage, s->hosts,
                s->devices);
    export_put_shape(d->out, &s->plan->costs->mesh.axes);
    sc_str_add(d->out, "\";\n");
    put_nodes(d, stage);
    for (int e = 0; e < s->plan->costs->edge_count; e++)
        put_edge(d, stage, e);
    sc_str_add(d->out, "  }\n");
    for (int n = 0; n < s->plan->costs->node_count; n++) {
        struct export_place place = export_place_at(s->plan, n);
        put_crossing(d, stage, &place);
    }
}

enum sc_status export_dot(const struct sc_plan *plan, const char *variant, struct sc_cancel *cancel, struct sc_str *out,
                          struct sc_error *err)
{
    bool all = strcmp(variant, "all") == 0;
    if (*variant && !all)
        return sc_fail(err, SC_USAGE, "there is no dot:%.40s; dot draws alike layers once, dot:all draws all", variant);
    struct drawing d = {.plan = plan, .out = out, .arena = sc_arena_new()};
    if (!d.arena || !fold(&d, all)) {
        sc_arena_free(d.arena);
        return sc_fail(err, SC_NO_MEMORY, "no memory for a drawing");
    }
    enum sc_status status = SC_OK;
    sc_str_add(out, "digraph \"");
    export_put_dot(out, plan->graph->name);
    sc_str_add(out, "\" {\n  rankdir=TB; compound=true; fontname=\"sans-serif\";\n"
                    "  node [fontname=\"sans-serif\", fontsize=10];\n"
                    "  edge [fontname=\"sans-serif\", fontsize=8];\n");
    for (int i = 0; status == SC_OK && i < plan->stage_count; i++) {
        put_stage(&d, i);
        if (cancel && sc_cancelled(cancel))
            status = sc_fail(err, SC_CANCELLED, "cancelled while drawing");
    }
    if (status == SC_OK)
        sc_str_add(out, "}\n");
    sc_map_free(&d.drawn);
    sc_arena_free(d.arena);
    return status;
}
