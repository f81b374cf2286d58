/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A plan as text for people: what it costs, on what, and each op's strategy. Copies of a repeated block that agree are
 * written once.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "plan/internal.h"

static void write_shape(struct sc_str *out, const struct sc_axes *axes)
{
    for (int a = 0; a < axes->count; a++)
        sc_str_addf(out, "%s%d", a ? "x" : "", axes->size[a]);
}

static void write_head(struct sc_str *out, const struct sc_plan *plan)
{
    const struct sc_costs *costs = plan->costs;
    const struct sc_graph *graph = plan->graph;
    char number[32];
    sc_format_count((double)graph->parameters, number, sizeof number);
    sc_str_addf(out, "model      %s: %s parameters, %d ops in %d layer%s\n", graph->name, number, graph->op_count,
                graph->layer_count, graph->layer_count == 1 ? "" : "s");
    sc_str_addf(out, "iteration  %s, %d microbatch%s", sc_mode_name(costs->options.mode), costs->options.microbatches,
                costs->options.microbatches == 1 ? "" : "es");
    if (graph->batch)
        sc_str_addf(out, " of %" PRId64, graph->batch);
    if (graph->sequence)
        sc_str_addf(out, " x %" PRId64 " tokens", graph->sequence);
    if (plan->stage_count > 1) {
        sc_str_addf(out, "\ncluster    %s: %d x %d %s, %s formulas\n", plan->cluster->name, plan->cluster->hosts,
                    plan->cluster->devices_per_host, plan->cluster->device.name,
                    sc_formulas_name(costs->mesh.formulas));
        return;
    }
    sc_str_addf(out, "\ncluster    %s: %d x %d %s as a ", plan->cluster->name, costs->mesh.hosts, costs->mesh.devices,
                plan->cluster->device.name);
    write_shape(out, &costs->mesh.axes);
    sc_str_addf(out, " mesh (");
    for (int a = 0; a < costs->mesh.axes.count; a++)
        sc_str_addf(out, "%s%c=%d", a ? ", " : "", sc_axis_name(a), costs->mesh.axes.size[a]);
    sc_str_addf(out, "), %s formulas\n", sc_formulas_name(costs->mesh.formulas));
}

static void write_objective(struct sc_str *out, const struct sc_plan *plan)
{
    char time[32], bound[32], solve[32];
    sc_format_seconds(plan->objective_s, time, sizeof time);
    sc_format_seconds(plan->solve_s, solve, sizeof solve);
    sc_str_addf(out, "objective  %s an iteration, ", time);
    if (plan->given) {
        sc_str_addf(out, "as its strategies were given");
    } else if (plan->status == SC_SOLVED_OPTIMAL && plan->gap <= 0) {
        sc_str_addf(out, "optimal (proven in %s)", solve);
    } else {
        sc_format_seconds(plan->bound_s, bound, sizeof bound);
        sc_str_addf(out, "not proven: no plan is below %s (gap %.2f %%), solved %s",
                    isfinite(plan->bound_s) ? bound : "any known bound", 100 * plan->gap, solve);
    }
    if (plan->flops_per_device > 0)
        sc_str_addf(out, ", %.1f TFLOP/s a device", plan->flops_per_device / 1e12);
    sc_str_add(out, "\n");
}

static void write_parts(struct sc_str *out, const struct sc_plan *plan)
{
    char time[32];
    for (size_t i = 0; i < plan_part_count; i++) {
        double seconds = plan_part_value(&plan->parts, i);
        if (seconds == 0)
            continue;
        sc_format_seconds(seconds, time, sizeof time);
        sc_str_addf(out, "  %-16s %10s  %5.1f %%\n", plan_part_at(i)->words, time, 100 * seconds / plan->objective_s);
    }
    for (int i = 0; plan->term_s && i < plan->costs->options.term_count; i++) {
        sc_format_seconds(plan->term_s[i], time, sizeof time);
        sc_str_addf(out, "  term %-11s %10s  %5.1f %%\n", plan->costs->options.terms[i].name, time,
                    100 * plan->term_s[i] / plan->objective_s);
    }
}

static void write_memory(struct sc_str *out, const struct sc_plan *plan)
{
    const struct sc_memory *m = &plan->memory;
    const struct {
        const char *name;
        double bytes;
    } parts[] = {{"parameters", m->parameters},   {"gradients", m->gradients}, {"optimizer", m->optimizer},
                 {"activations", m->activations}, {"cache", m->cache},         {"working set", m->working}};
    char bytes[32], limit[32];
    sc_format_bytes(plan->peak_bytes, bytes, sizeof bytes);
    sc_format_bytes(plan->costs->memory_bytes, limit, sizeof limit);
    sc_str_addf(out, "memory     %s of %s a device:", bytes, limit);
    for (size_t i = 0, n = 0; i < SC_LEN(parts); i++)
        if (parts[i].bytes > 0) {
            sc_format_bytes(parts[i].bytes, bytes, sizeof bytes);
            sc_str_addf(out, "%s %s %s", n++ ? "," : "", parts[i].name, bytes);
        }
    sc_str_add(out, "\n");
}

static void write_stages(struct sc_str *out, const struct sc_plan *plan)
{
    const struct sc_graph *g = plan->graph;
    sc_str_addf(out, "\n  stage  %-34s %9s %8s %10s %10s %8s %20s\n", "layers", "devices", "mesh", "microbatch",
                "transfers", "flight", "memory");
    for (int i = 0; i < plan->stage_count; i++) {
        const struct sc_plan_stage *s = &plan->stages[i];
        const struct sc_transfer *t = &s->transfer;
        struct sc_str mesh = {0};
        char layers[128], size[32], time[32], transfer[32], used[24], limit[24], memory[64];
        write_shape(&mesh, &s->plan->costs->mesh.axes);
        snprintf(layers, sizeof layers, "%s%s%s", g->layers[s->first_layer].name,
                 s->last_layer > s->first_layer ? " to " : "",
                 s->last_layer > s->first_layer ? g->layers[s->last_layer].name : "");
        snprintf(size, sizeof size, "%dx%d", s->hosts, s->devices);
        sc_format_seconds(s->microbatch_s, time, sizeof time);
        sc_format_seconds(t->in_forward_s + t->in_backward_s + t->out_forward_s + t->out_backward_s, transfer,
                          sizeof transfer);
        sc_format_bytes(s->plan->peak_bytes, used, sizeof used);
        sc_format_bytes(s->plan->costs->memory_bytes, limit, sizeof limit);
        snprintf(memory, sizeof memory, "%s/%s", used, limit);
        sc_str_addf(out, "  %5d  %-34s %9s %8s %10s %10s %8.4g %20s\n", i, layers, size, sc_str_text(&mesh), time,
                    transfer, sc_plan_stage_held(s), memory);
        sc_str_free(&mesh);
    }
}

/* ---- ops ---- */

static void write_op_row(struct sc_str *out, const struct sc_plan *plan, int op, int copies, const char *name)
{
    struct sc_op_cost cost = sc_plan_op_cost(plan, op);
    char strategy[64], times[32] = "", compute[32], comm[32], memory[32];
    sc_plan_op_strategy(plan, op, strategy, sizeof strategy);
    if (copies > 1)
        snprintf(times, sizeof times, "x%d", copies);
    sc_format_seconds(cost.compute_s * copies, compute, sizeof compute);
    sc_format_seconds((cost.collective_s + cost.resharding_s) * copies, comm, sizeof comm);
    sc_format_bytes(plan_memory_held(&cost.memory) * copies, memory, sizeof memory);
    sc_str_addf(out, "%c %-28s %4s  %-16s  %-20s %10s %10s %10s\n", plan->pinned[op] ? 'p' : ' ', name, times,
                plan->graph->ops[op].kind->name, strategy, compute, comm, memory);
}

/* Do two copies of a repeated block choose alike? */
static bool copies_agree(const struct sc_plan *plan, const struct sc_repeat *repeat, int a, int b)
{
    for (int k = 0; k < repeat->length; k++) {
        int p = repeat->first + a * repeat->length + k, q = repeat->first + b * repeat->length + k;
        if (!sc_plan_same_strategy(plan, p, q) || plan->pinned[p] != plan->pinned[q])
            return false;
    }
    return true;
}

static void write_copies(struct sc_str *out, const struct sc_plan *plan, const struct sc_repeat *repeat, int copy,
                         int copies)
{
    const struct sc_graph *graph = plan->graph;
    char name[128];
    size_t prefix = strlen(repeat->name);
    for (int k = 0; k < repeat->length; k++) {
        int op = repeat->first + copy * repeat->length + k;
        const char *full = graph->ops[op].name, *tail = full + prefix;
        if (strncmp(full, repeat->name, prefix) == 0 && *tail == '.') { /* layer.3.mlp → layer.3-7.mlp */
            tail++;
            tail += strspn(tail, "0123456789");
            if (copies > 1)
                snprintf(name, sizeof name, "%s.*%s", repeat->name, tail);
            else
                snprintf(name, sizeof name, "%s", full);
        } else {
            snprintf(name, sizeof name, "%s", full);
        }
        write_op_row(out, plan, op, copies, name);
    }
}

static int write_repeat(struct sc_str *out, const struct sc_plan *plan, const struct sc_repeat *repeat)
{
    for (int copy = 0; copy < repeat->count;) {
        int same = 1;
        while (copy + same < repeat->count && copies_agree(plan, repeat, copy, copy + same))
            same++;
        if (same > 1)
            sc_str_addf(out, "  -- %s: %d copies from %s\n", repeat->name, same,
                        plan->graph->ops[repeat->first + copy * repeat->length].name);
        write_copies(out, plan, repeat, copy, same);
        copy += same;
    }
    return repeat->first + repeat->length * repeat->count;
}

static void write_ops(struct sc_str *out, const struct sc_plan *plan, bool all_ops)
{
    const struct sc_graph *graph = plan->graph;
    int next = 0;
    sc_str_addf(out, "\n  %-28s       %-16s  %-20s %10s %10s %10s\n", "op", "kind", "strategy", "compute", "comm",
                "memory");
    for (int op = 0; op < graph->op_count;) {
        while (next < graph->repeat_count && graph->repeats[next].first < op)
            next++;
        if (!all_ops && next < graph->repeat_count && graph->repeats[next].first == op) {
            op = write_repeat(out, plan, &graph->repeats[next]);
        } else {
            write_op_row(out, plan, op, 1, graph->ops[op].name);
            op++;
        }
    }
}

enum sc_status sc_plan_write_text(const struct sc_plan *plan, bool all_ops, struct sc_str *out, struct sc_error *err)
{
    write_head(out, plan);
    if (plan->choice) {
        write_objective(out, plan);
        write_parts(out, plan);
        write_memory(out, plan);
        if (plan->stage_count > 1)
            write_stages(out, plan);
    } else {
        sc_str_add(out, plan->status == SC_SOLVED_INFEASIBLE
                            ? "no plan satisfies the constraints; these cannot hold together:\n"
                            : "stopped by the time limit with no plan\n");
        for (int i = 0; i < plan->conflict_count; i++)
            sc_str_addf(out, "  %s\n", plan->conflicts[i]);
    }
    for (int i = 0; i < plan->pin_count; i++)
        sc_str_addf(out, "pin        %s=%s: %s, %d op%s\n", plan->pins[i].glob, plan->pins[i].strategy,
                    sc_pin_state_name(plan->pins[i].state), plan->pins[i].ops, plan->pins[i].ops == 1 ? "" : "s");
    for (int i = 0; i < plan->warning_count; i++)
        sc_str_addf(out, "warning    %s\n", plan->warnings[i]);
    if (plan->choice)
        write_ops(out, plan, all_ops);
    return out->failed ? sc_fail(err, SC_NO_MEMORY, "no memory to write the plan") : SC_OK;
}
