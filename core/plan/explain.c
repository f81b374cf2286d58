/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * `explain`: every candidate of one op with its exact Δ, and why, as text or JSON.
 */
#include <math.h>
#include <stdio.h>

#include "plan/internal.h"

static void explain_text(struct sc_str *out, const struct sc_plan *plan, int op, const struct sc_candidate *candidates,
                         int count)
{
    const struct sc_op *o = &plan->graph->ops[op];
    sc_str_addf(out, "%s  %s  %s\n", o->name, o->kind->name, o->rule->text);
    sc_str_addf(out, "  %-22s %12s %9s %10s %10s %10s\n", "strategy", "delta", "", "compute", "comm", "memory");
    for (int i = 0; i < count; i++) {
        const struct sc_candidate *c = &candidates[i];
        char delta[32] = "impossible", percent[24] = "", compute[32], comm[32], memory[32];
        if (isfinite(c->delta_s)) {
            char text[24];
            sc_format_seconds(fabs(c->delta_s), text, sizeof text);
            snprintf(delta, sizeof delta, "%s%s%s", c->exact ? "" : ">=", c->delta_s < 0 ? "-" : "+", text);
            snprintf(percent, sizeof percent, "%+.2f %%", 100 * c->delta_s / plan->objective_s);
        }
        sc_format_seconds(c->compute_s, compute, sizeof compute);
        sc_format_seconds(c->collective_s, comm, sizeof comm);
        sc_format_bytes(c->memory_bytes, memory, sizeof memory);
        sc_str_addf(out, "%c %-22s %12s %9s %10s %10s %10s\n",
                    c->pinned   ? 'p'
                    : c->chosen ? '*'
                                : ' ',
                    c->strategy, delta, percent, compute, comm, memory);
    }
}

static void explain_json(struct sc_str *out, const struct sc_plan *plan, int op, const struct sc_candidate *candidates,
                         int count, const char *why)
{
    const struct sc_op *o = &plan->graph->ops[op];
    struct sc_json_writer w;
    sc_json_begin(&w, out);
    sc_json_open_object(&w, NULL, false);
    sc_json_put_int(&w, "stagecut", 1);
    sc_json_put_string(&w, "model", plan->graph->name);
    sc_json_put_string(&w, "op", o->name);
    sc_json_put_string(&w, "kind", o->kind->name);
    sc_json_put_string(&w, "rule", o->rule->text);
    sc_json_put_string(&w, "status", sc_solve_status_name(plan->status));
    sc_json_put_number(&w, "objective_s", plan->objective_s);
    sc_json_open_array(&w, "candidates", false);
    for (int i = 0; i < count; i++) {
        const struct sc_candidate *c = &candidates[i];
        sc_json_open_object(&w, NULL, true);
        sc_json_put_string(&w, "strategy", c->strategy);
        sc_json_put_bool(&w, "chosen", c->chosen);
        sc_json_put_bool(&w, "pinned", c->pinned);
        sc_json_put_bool(&w, "possible", isfinite(c->delta_s));
        sc_json_put_number(&w, "delta_s", c->delta_s); /* null when impossible */
        sc_json_put_bool(&w, "exact", c->exact);
        sc_json_put_number(&w, "compute_s", c->compute_s);
        sc_json_put_number(&w, "collective_s", c->collective_s);
        sc_json_put_number(&w, "memory_bytes", c->memory_bytes);
        sc_json_close(&w);
    }
    sc_json_close(&w);
    sc_json_put_string(&w, "why", why);
    sc_json_close(&w);
    sc_str_add(out, "\n");
}

enum sc_status sc_plan_explain(const struct sc_plan *plan, int op, bool json, struct sc_cancel *cancel,
                               struct sc_str *out, struct sc_error *err)
{
    const struct sc_plan *part = sc_plan_of_op(plan, op);
    int node = part->costs->op_node[op], count = 0, choices = part->costs->nodes[node].set->count;
    struct sc_candidate *candidates = NULL;
    struct sc_str why = {0};
    double *delta = sc_calloc((size_t)choices, sizeof *delta);
    bool *exact = sc_calloc((size_t)choices, sizeof *exact);
    enum sc_status status = delta && exact ? SC_OK : sc_fail(err, SC_NO_MEMORY, "no memory to explain an op");
    if (status == SC_OK)
        status = sc_plan_exact_delta(part, node, delta, exact, cancel, err);
    if (status == SC_OK)
        status = sc_plan_candidates(plan, op, &candidates, &count, err);
    if (status == SC_OK) {
        sc_plan_candidates_refine(plan, op, candidates, count, delta, exact);
        int other = -1;
        for (int i = 0; i < count && other < 0; i++)
            if (!candidates[i].chosen && isfinite(candidates[i].delta_s))
                other = candidates[i].choice;
        status = sc_plan_why(plan, op, other, cancel, &why, err);
    }
    if (status == SC_OK && json) {
        explain_json(out, plan, op, candidates, count, sc_str_text(&why));
    } else if (status == SC_OK) {
        explain_text(out, plan, op, candidates, count);
        sc_str_addf(out, "\n%s", sc_str_text(&why));
    }
    sc_free(candidates);
    sc_free(delta);
    sc_free(exact);
    sc_str_free(&why);
    return status;
}
