/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * csv: a row an op (RFC 4180, lines end with "\n"), in order of stages. What a stage pays for copies of earlier stages'
 * parameters and inputs, and for receiving, has rows of its own, so that a stage's rows add up to its time.
 */
#include <math.h>

#include "export/internal.h"

static const char header[] =
    "name,kind,role,layer,layer_name,stage,strategy,inputs,outputs,pinned,compute_s,collective_s,resharding_s,term_s,"
    "total_s,memory_bytes,parameter_bytes,gradient_bytes,optimizer_bytes,activation_bytes,cache_bytes,working_bytes\n";

static void put_specs(struct sc_str *out, const struct sc_graph *graph, const int *tensors, const struct sc_spec *specs,
                      int count)
{
    struct sc_str text = {0};
    char spec[64];
    for (int k = 0; k < count; k++) {
        sc_spec_format(specs[k], graph->tensors[tensors[k]].rank, spec, sizeof spec);
        sc_str_addf(&text, "%s%s", k ? " " : "", spec);
    }
    export_put_csv(out, sc_str_text(&text));
    out->failed |= text.failed;
    sc_str_free(&text);
}

static void put_cost(struct sc_str *out, const struct sc_op_cost *cost)
{
    const struct sc_memory *m = &cost->memory;
    const double values[] = {
        cost->compute_s, cost->collective_s, cost->resharding_s,
        cost->term_s,    cost->total_s,      m->parameters + m->gradients + m->optimizer + m->activations + m->cache,
        m->parameters,   m->gradients,       m->optimizer,
        m->activations,  m->cache,           m->working,
    };
    for (size_t i = 0; i < SC_LEN(values); i++) {
        sc_str_add(out, ",");
        export_put_number(out, values[i]);
    }
}

static void put_row(struct sc_str *out, const struct sc_plan *whole, int stage, const struct export_place *place)
{
    const struct sc_graph *graph = whole->graph;
    const struct sc_op *op = &graph->ops[place->op];
    bool received = place->tensor >= 0;
    char strategy[96];
    if (received)
        sc_strategy_format_fanout(graph, place->tensor, place->strategy, strategy, sizeof strategy);
    else
        sc_strategy_format(graph, place->op, place->strategy, strategy, sizeof strategy);
    struct sc_op_cost cost = place->owned ? sc_plan_op_cost(whole, place->op) : export_copy_cost(place);
    export_put_csv(out, received ? graph->tensors[place->tensor].name : op->name);
    sc_str_addf(out, ",%s,%s,%d,", op->kind->name, received ? "received" : place->owned ? "op" : "copy", op->layer);
    export_put_csv(out, graph->layers[op->layer].name);
    sc_str_addf(out, ",%d,", stage);
    export_put_csv(out, strategy);
    sc_str_add(out, ",");
    if (!received)
        put_specs(out, graph, op->operands, place->strategy->operand, op->operand_count);
    sc_str_add(out, ",");
    put_specs(out, graph, received ? &place->tensor : op->results, place->strategy->result,
              received ? 1 : op->result_count);
    sc_str_add(out, place->owned && place->plan->pinned[place->op] ? ",yes" : ",no");
    put_cost(out, &cost);
    sc_str_add(out, "\n");
}

enum sc_status export_csv(const struct sc_plan *plan, const char *variant, struct sc_cancel *cancel, struct sc_str *out,
                          struct sc_error *err)
{
    enum sc_status status = export_no_variant("csv", variant, err);
    if (status != SC_OK)
        return status;
    sc_str_add(out, header);
    for (int i = 0; i < plan->stage_count; i++) {
        const struct sc_plan *stage = plan->stages[i].plan;
        for (int n = 0; n < stage->costs->node_count; n++) {
            struct export_place place = export_place_at(stage, n);
            if (place.tensor >= 0 && (place.owned || place.source != SC_SOURCE_NONE))
                continue; /* shown with its op */
            put_row(out, plan, i, &place);
        }
        if (cancel && sc_cancelled(cancel))
            return sc_fail(err, SC_CANCELLED, "cancelled while writing a table");
    }
    return SC_OK;
}
