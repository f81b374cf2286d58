/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A plan as JSON: the object of `solve --json`, which is also the plan file.
 */
#include <math.h>
#include <string.h>

#include "plan/internal.h"

static void write_parts(struct sc_json_writer *w, const struct sc_plan *plan)
{
    const struct sc_parts *p = &plan->parts;
    sc_json_open_object(w, "parts", false);
    for (size_t i = 0; i < plan_part_count; i++)
        sc_json_put_number(w, plan_part_at(i)->name, plan_part_value(p, i));
    sc_json_open_object(w, "terms", true);
    for (int i = 0; plan->term_s && i < plan->costs->options.term_count; i++)
        sc_json_put_number(w, plan->costs->options.terms[i].name, plan->term_s[i]);
    sc_json_close(w);
    sc_json_close(w);
}

static void write_stage(struct sc_json_writer *w, const struct sc_plan_stage *s)
{
    const struct sc_costs *costs = s->plan->costs;
    const struct sc_memory *m = &s->plan->memory;
    sc_json_open_object(w, NULL, false);
    sc_json_put_int(w, "first_layer", s->first_layer);
    sc_json_put_int(w, "last_layer", s->last_layer);
    sc_json_put_int(w, "hosts", s->hosts);
    sc_json_put_int(w, "devices", s->devices);
    sc_json_put_int(w, "first_device", s->first_device);
    sc_json_open_array(w, "logical_mesh", true);
    for (int a = 0; a < costs->mesh.axes.count; a++)
        sc_json_put_int(w, NULL, costs->mesh.axes.size[a]);
    sc_json_close(w);
    sc_json_put_string(w, "remat", costs->options.remat == SC_REMAT_LAYER ? "layer" : "none");
    sc_json_put_number(w, "microbatch_s", s->microbatch_s);
    sc_json_put_number(w, "once_s", s->once_s);
    sc_json_put_number(w, "receive_s", s->transfer.in_forward_s + s->transfer.in_backward_s);
    sc_json_put_number(w, "send_s", s->transfer.out_forward_s + s->transfer.out_backward_s);
    sc_json_put_number(w, "memory_bytes", s->plan->peak_bytes);
    sc_json_open_object(w, "memory", false);
    sc_json_put_number(w, "parameters", m->parameters);
    sc_json_put_number(w, "gradients", m->gradients);
    sc_json_put_number(w, "optimizer", m->optimizer);
    sc_json_put_number(w, "activations", m->activations);
    sc_json_put_number(w, "working", m->working);
    sc_json_put_number(w, "cache", m->cache);
    sc_json_close(w);
    sc_json_put_number(w, "in_flight", sc_plan_stage_held(s));
    sc_json_close(w);
}

static void write_stages(struct sc_json_writer *w, const struct sc_plan *plan)
{
    sc_json_open_array(w, "stages", false);
    for (int i = 0; i < plan->stage_count; i++)
        write_stage(w, &plan->stages[i]);
    sc_json_close(w);
}

static void write_cuts(struct sc_json_writer *w, const struct sc_plan *plan)
{
    sc_json_open_array(w, "cuts", true);
    for (int i = 1; i < plan->stage_count; i++)
        sc_json_put_string(w, NULL, plan->graph->layers[plan->stages[i].first_layer].name);
    sc_json_close(w);
}

static void write_collective(struct sc_json_writer *w, const struct sc_costs *costs, const struct sc_item *item)
{
    char axes[SC_MAX_AXES + 1];
    int n = 0;
    if (!item->collective)
        return;
    for (int a = 0; a < SC_MAX_AXES; a++)
        if (item->axes & (1u << a))
            axes[n++] = sc_axis_name(a);
    axes[n] = '\0';
    sc_json_open_object(w, NULL, true);
    sc_json_put_string(w, "kind", sc_collective_name(item->kind));
    sc_json_put_string(w, "phase", sc_phase_name(item->phase));
    sc_json_put_string(w, "axis", axes);
    sc_json_put_number(w, "bytes", item->bytes);
    sc_json_put_number(w, "seconds", item->seconds);
    sc_json_put_number(w, "times", plan_item_times(costs, item));
    sc_json_put_string(w, "cause", sc_cause_name(item->cause));
    if (item->algorithm)
        sc_json_put_string(w, "algorithm", item->algorithm);
    sc_json_close(w);
}

static void write_op_collectives(struct sc_json_writer *w, const struct sc_plan *plan, int op,
                                 const struct plan_owned *owned)
{
    const struct sc_costs *costs = plan->costs;
    struct sc_item items[SC_MAX_ITEMS];
    int node = costs->op_node[op];
    sc_json_open_array(w, "collectives", false);
    int count = sc_costs_node_items(costs, node, plan->choice[node], items);
    for (int i = 0; i < count; i++)
        write_collective(w, costs, &items[i]);
    for (int k = owned->first[node]; k < owned->first[node + 1]; k++) {
        const struct sc_cost_edge *edge = &costs->edges[owned->edges[k]];
        count = sc_costs_edge_items(costs, owned->edges[k], plan->choice[edge->from], plan->choice[edge->to], items);
        for (int i = 0; i < count; i++)
            write_collective(w, costs, &items[i]);
    }
    sc_json_close(w);
}

static void write_op(struct sc_json_writer *w, const struct sc_plan *plan, int stage, int op,
                     const struct plan_owned *owned)
{
    const struct sc_costs *costs = plan->costs;
    const struct sc_op *o = &plan->graph->ops[op];
    int node = costs->op_node[op];
    const struct sc_strategy *strategy = &costs->nodes[node].set->at[plan->choice[node]];
    struct sc_op_cost cost = sc_plan_op_cost(plan, op);
    char text[96];
    sc_json_open_object(w, NULL, false);
    sc_json_put_string(w, "name", o->name);
    sc_json_put_string(w, "kind", o->kind->name);
    sc_json_put_int(w, "layer", o->layer);
    sc_json_put_int(w, "stage", stage);
    sc_strategy_format(plan->graph, op, strategy, text, sizeof text);
    sc_json_put_string(w, "strategy", text);
    sc_json_open_array(w, "inputs", true);
    for (int k = 0; k < o->operand_count; k++) {
        sc_spec_format(strategy->operand[k], plan->graph->tensors[o->operands[k]].rank, text, sizeof text);
        sc_json_put_string(w, NULL, text);
    }
    sc_json_close(w);
    sc_spec_format(strategy->result[0], plan->graph->tensors[o->results[0]].rank, text, sizeof text);
    sc_json_put_string(w, "output", text);
    sc_json_put_bool(w, "pinned", plan->pinned[op]);
    sc_json_put_number(w, "compute_s", cost.compute_s);
    sc_json_put_number(w, "total_s", cost.total_s);
    write_op_collectives(w, plan, op, owned);
    sc_json_put_number(w, "memory_bytes", plan_memory_held(&cost.memory));
    sc_json_close(w);
}

static void write_pins(struct sc_json_writer *w, const struct sc_plan *plan)
{
    sc_json_open_array(w, "pins", false);
    for (int i = 0; i < plan->pin_count; i++) {
        const struct sc_pin_status *pin = &plan->pins[i];
        sc_json_open_object(w, NULL, true);
        sc_json_put_string(w, "glob", pin->glob);
        sc_json_put_string(w, "strategy", pin->strategy);
        sc_json_put_string(w, "status", sc_pin_state_name(pin->state));
        sc_json_put_int(w, "ops", pin->ops);
        sc_json_close(w);
    }
    sc_json_close(w);
}

enum sc_status sc_plan_write_json(const struct sc_plan *plan, struct sc_str *out, struct sc_error *err)
{
    struct sc_json_writer w;
    struct sc_arena *arena = sc_arena_new();
    struct plan_owned *owned = arena ? sc_arena_calloc(arena, (size_t)plan->stage_count + 1, sizeof *owned) : NULL;
    bool ok = owned != NULL;
    for (int i = 0; ok && i < plan->stage_count; i++)
        ok = plan_owned_edges(arena, plan->stages[i].plan->costs, &owned[i]);
    if (!ok) {
        sc_arena_free(arena);
        return sc_fail(err, SC_NO_MEMORY, "no memory to write the plan");
    }
    sc_json_begin(&w, out);
    sc_json_open_object(&w, NULL, false);
    sc_json_put_int(&w, "stagecut", 1);
    sc_json_put_string(&w, "model", plan->graph->name);
    sc_json_put_string(&w, "cluster", plan->cluster->name);
    sc_json_put_string(&w, "mode", sc_mode_name(plan->costs->options.mode));
    sc_json_put_int(&w, "microbatches", plan->costs->options.microbatches);
    sc_json_put_string(&w, "formulas", sc_formulas_name(plan->costs->mesh.formulas));
    bool given = plan->given && plan->choice; /* priced, not solved: nothing is proven */
    sc_json_put_string(&w, "status", sc_solve_status_name(given ? SC_SOLVED_FEASIBLE : plan->status));
    sc_json_put_number(&w, "objective_s", plan->choice ? plan->objective_s : NAN);
    sc_json_put_number(&w, "bound_s", given ? NAN : plan->bound_s);
    sc_json_put_number(&w, "gap", plan->choice && !given ? plan->gap : NAN);
    sc_json_put_number(&w, "solve_s", plan->solve_s);
    sc_json_put_number(&w, "iteration_s", plan->choice ? plan->iteration_s : NAN);
    sc_json_put_number(&w, "tflops_per_device", plan->flops_per_device / 1e12);
    sc_json_put_number(&w, "memory_limit_bytes", plan->costs->memory_bytes);
    if (plan->choice) {
        write_parts(&w, plan);
        write_stages(&w, plan);
    }
    sc_json_open_array(&w, "ops", false);
    for (int op = 0; plan->choice && op < plan->graph->op_count; op++)
        write_op(&w, sc_plan_of_op(plan, op), sc_plan_stage_of_op(plan, op), op, &owned[sc_plan_stage_of_op(plan, op)]);
    sc_json_close(&w);
    write_pins(&w, plan);
    write_cuts(&w, plan);
    plan_texts_write(&w, "conflicts", plan->conflicts, plan->conflict_count);
    plan_texts_write(&w, "warnings", plan->warnings, plan->warning_count);
    plan_settings_write(&w, &plan->settings);
    sc_json_close(&w);
    sc_str_add(out, "\n");
    sc_arena_free(arena);
    return out->failed ? sc_fail(err, SC_NO_MEMORY, "no memory to write the plan") : SC_OK;
}
