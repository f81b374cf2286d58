/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * When nothing satisfies all constraints: which of them cannot hold together. A deletion filter: leave each pin and
 * the memory limit out in turn; what the problem stays infeasible without is not part of the conflict. What is left
 * is a set none of whose members can be left out (a minimal conflict; Chinneck and Dravnieks 1991).
 */
#include <math.h>

#include "plan/internal.h"

static const uint64_t most_work = 2000000; /* a question: a second or so */

/* Is there a plan under these pins and this limit? Any plan will do: the search stops at the first. */
static enum sc_status has_plan(const struct sc_problem *base, const struct sc_costs *costs,
                               const struct plan_pins *pins, const bool *use, double limit, struct sc_cancel *cancel,
                               bool *yes, struct sc_error *err)
{
    struct sc_problem *problem;
    enum sc_status status = plan_pins_apply(base, costs, pins, use, limit, &problem, err);
    if (status != SC_OK)
        return status;
    struct sc_solve_options options = SC_SOLVE_OPTIONS_INIT;
    struct sc_cancel part;
    sc_cancel_part(&part, cancel, most_work);
    options.gap = 1e30;
    options.cancel = &part;
    struct sc_solution *solution = NULL;
    status = sc_solve(problem, &options, &solution, err);
    if (status == SC_OK) {
        *yes = solution->status != SC_SOLVED_INFEASIBLE; /* unknown counts as feasible: never blame without proof */
        sc_solution_free(solution);
    }
    sc_problem_free(problem);
    return status;
}

enum sc_status plan_conflict(struct sc_arena *arena, const struct sc_problem *base, const struct sc_costs *costs,
                             struct plan_pins *pins, struct sc_cancel *cancel, int *count, const char *const **texts,
                             struct sc_error *err)
{
    bool *use = sc_arena_calloc(arena, (size_t)pins->count + 1, sizeof *use);
    const char **out = sc_arena_calloc(arena, (size_t)pins->count + 2, sizeof *out);
    if (!use || !out)
        return sc_fail(err, SC_NO_MEMORY, "no memory for the conflict");
    for (int op = 0; op < costs->graph->op_count; op++)
        if (pins->winner[op] >= 0)
            use[pins->winner[op]] = true;
    double limit = base->limit;
    bool yes = false, complete = true;
    enum sc_status status = SC_OK;
    /* The limit first: a conflict of pins alone is the clearer answer. */
    if (isfinite(limit)) {
        status = has_plan(base, costs, pins, use, INFINITY, cancel, &yes, err);
        if (status == SC_OK && !yes)
            limit = INFINITY;
    }
    for (int i = 0; status == SC_OK && i < pins->count; i++) {
        if (!use[i])
            continue;
        if (sc_cancelled(cancel)) {
            complete = false;
            break;
        }
        use[i] = false;
        status = has_plan(base, costs, pins, use, limit, cancel, &yes, err);
        use[i] = yes;
    }
    if (status != SC_OK)
        return status;
    int n = 0;
    char size[32];
    for (int i = 0; i < pins->count; i++)
        if (use[i]) {
            pins->status[i].state = SC_PIN_CONFLICT;
            out[n++] = i < pins->method
                           ? sc_arena_strdup(arena, pins->status[i].strategy)
                           : sc_arena_printf(arena, "pin %s=%s", pins->status[i].glob, pins->status[i].strategy);
        }
    if (isfinite(limit)) {
        sc_format_bytes(limit, size, sizeof size);
        out[n++] = sc_arena_printf(arena, "memory %s a device", size);
    }
    if (!complete)
        out[n++] = "(the search for a smaller set was stopped)";
    *count = n;
    *texts = out;
    return SC_OK;
}
