/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Every strategy of an op with the Δ of the whole objective were it forced, and the exact Δ by solving.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "plan/internal.h"

void sc_plan_op_strategy(const struct sc_plan *plan, int op, char *out, size_t size)
{
    plan = sc_plan_of_op(plan, op);
    int node = plan->costs->op_node[op];
    if (plan->choice)
        sc_strategy_format(plan->graph, op, &plan->costs->nodes[node].set->at[plan->choice[node]], out, size);
    else if (size)
        *out = '\0';
}

bool sc_plan_same_strategy(const struct sc_plan *plan, int a, int b)
{
    const struct sc_plan *p = sc_plan_of_op(plan, a), *q = sc_plan_of_op(plan, b);
    return p == q && p->choice && p->choice[p->costs->op_node[a]] == p->choice[p->costs->op_node[b]];
}

/* A bound below 0 promises nothing: it does not come before the plan's own choice. */
static double sure_delta(const struct sc_candidate *c)
{
    return c->exact ? c->delta_s : fmax(c->delta_s, 0);
}

static int by_delta(const void *a, const void *b)
{
    const struct sc_candidate *x = a, *y = b;
    if (sure_delta(x) != sure_delta(y))
        return sure_delta(x) < sure_delta(y) ? -1 : 1;
    if (x->chosen != y->chosen)
        return x->chosen ? -1 : 1;
    if (x->delta_s != y->delta_s)
        return x->delta_s < y->delta_s ? -1 : 1;
    return x->choice < y->choice ? -1 : x->choice > y->choice;
}

/* What the op itself pays under a choice: its node's items; neighbours are in Δ. */
static void own_cost(const struct sc_costs *costs, int node, struct sc_candidate *candidate)
{
    struct sc_item items[SC_MAX_ITEMS];
    int count = sc_costs_node_items(costs, node, candidate->choice, items);
    for (int i = 0; i < count; i++) {
        double seconds = items[i].seconds * plan_item_times(costs, &items[i]);
        *(items[i].cause == SC_CAUSE_TERM ? &candidate->term_s
          : items[i].collective           ? &candidate->collective_s
                                          : &candidate->compute_s) += seconds;
    }
    struct sc_memory memory = sc_costs_node_memory(costs, node, candidate->choice);
    candidate->memory_bytes = plan_memory_held(&memory);
}

/* The objective when one stage takes so many seconds an iteration more than it does. */
static double objective_with(const struct sc_plan *plan, int stage, double more)
{
    double sum = 0, longest = 0, microbatches = plan->costs->options.microbatches, chunks = plan->chunks;
    for (int i = 0; i < plan->stage_count; i++) {
        double seconds = plan->stages[i].microbatch_s * microbatches + plan->stages[i].once_s + (i == stage ? more : 0);
        sum += seconds / microbatches;
        longest = fmax(longest, seconds / microbatches);
    }
    switch (plan->settings.objective) {
    case SC_OBJECTIVE_SUM:
        return sum;
    case SC_OBJECTIVE_THROUGHPUT:
        return longest;
    default:
        return (sum + (microbatches * chunks - 1) * longest) / chunks;
    }
}

double sc_plan_stage_delta(const struct sc_plan *plan, int op, double delta)
{
    if (plan->stage_count <= 1 || !isfinite(delta) || delta == 0)
        return delta;
    return objective_with(plan, sc_plan_stage_of_op(plan, op), delta) - objective_with(plan, -1, 0);
}

enum sc_status sc_plan_candidates(const struct sc_plan *whole, int op, struct sc_candidate **out, int *count,
                                  struct sc_error *err)
{
    const struct sc_plan *plan = sc_plan_of_op(whole, op);
    const struct sc_costs *costs = plan->costs;
    int node = costs->op_node[op], choices = costs->nodes[node].set->count;
    bool known =
        plan->delta && !(plan_full(plan)->forced && plan_full(plan)->forced[node]); /* a pin hides the others */
    struct sc_candidate *candidates = sc_calloc((size_t)choices, sizeof *candidates);
    if (!candidates)
        return sc_fail(err, SC_NO_MEMORY, "no memory for %d candidates", choices);
    for (int c = 0; c < choices; c++) {
        struct sc_candidate *candidate = &candidates[c];
        candidate->choice = c;
        sc_strategy_format(plan->graph, op, &costs->nodes[node].set->at[c], candidate->strategy,
                           sizeof candidate->strategy);
        candidate->chosen = plan->choice && plan->choice[node] == c;
        candidate->pinned = candidate->chosen && plan->pinned[op];
        candidate->delta_s = candidate->chosen ? 0
                             : known           ? sc_plan_stage_delta(whole, op, plan->delta[node][c])
                                               : -INFINITY;
        candidate->exact = candidate->chosen || (known && plan->delta_exact[node]);
        own_cost(costs, node, candidate);
    }
    qsort(candidates, (size_t)choices, sizeof *candidates, by_delta);
    *out = candidates;
    *count = choices;
    return SC_OK;
}

void sc_plan_candidates_refine(const struct sc_plan *plan, int op, struct sc_candidate *candidates, int count,
                               const double *delta, const bool *exact)
{
    for (int i = 0; i < count; i++) {
        candidates[i].delta_s = sc_plan_stage_delta(plan, op, delta[candidates[i].choice]);
        candidates[i].exact = exact[candidates[i].choice];
    }
    qsort(candidates, (size_t)count, sizeof *candidates, by_delta);
}

enum sc_status plan_solve_forced(const struct sc_plan *plan, int node, int choice, struct sc_cancel *cancel,
                                 struct sc_solution **out, struct sc_error *err)
{
    const struct plan_full *full = plan_full(plan);
    int choices = full->base->choices[node];
    double *row = sc_calloc((size_t)choices, sizeof *row);
    if (!row)
        return sc_fail(err, SC_NO_MEMORY, "no memory for a candidate");
    for (int c = 0; c < choices; c++)
        row[c] = choice < 0 || c == choice ? full->base->cost[node][c] : INFINITY;
    const double *rows[] = {row};
    struct sc_problem *problem = NULL;
    enum sc_status status = sc_problem_vary(full->pinned, 1, &node, rows, full->pinned->limit, &problem, err);
    struct sc_solve_options options = SC_SOLVE_OPTIONS_INIT;
    options.cancel = cancel;
    options.warm = plan->choice;
    options.gap = plan->gap; /* no closer than the plan itself is known */
    options.marginals = choice < 0;
    if (status == SC_OK)
        status = sc_solve(problem, &options, out, err);
    sc_problem_free(problem);
    sc_free(row);
    return status;
}

/* Δ from a solution with the choice forced: exact when solved to the end, else its bound. */
static void take_delta(const struct sc_plan *plan, const struct sc_solution *solution, double *delta, bool *exact)
{
    bool ended = solution->status == SC_SOLVED_OPTIMAL || solution->status == SC_SOLVED_INFEASIBLE;
    double value = ended ? solution->cost : solution->bound;
    *delta = solution->status == SC_SOLVED_INFEASIBLE ? INFINITY : fmax(*delta, value - plan->objective_s);
    *exact = ended && plan->status == SC_SOLVED_OPTIMAL;
}

enum sc_status sc_plan_exact_delta(const struct sc_plan *plan, int node, double *delta, bool *exact,
                                   struct sc_cancel *cancel, struct sc_error *err)
{
    const struct plan_full *full = plan_full(plan);
    int choices = plan->costs->nodes[node].set->count;
    bool forced = full->forced && full->forced[node];
    if (!plan->choice)
        return sc_fail(err, SC_NOT_FOUND, "there is no plan to compare candidates with");
    for (int c = 0; c < choices; c++) {
        delta[c] = plan->delta && !forced ? plan->delta[node][c] : -INFINITY;
        exact[c] = plan->delta && !forced && plan->delta_exact[node];
    }
    /* A pin hides its op's other choices: ask again with this one op free. */
    if (forced || !plan->delta) {
        struct sc_solution *free_one = NULL;
        enum sc_status status = plan_solve_forced(plan, node, -1, cancel, &free_one, err);
        if (status != SC_OK)
            return status;
        for (int c = 0; free_one->marginal && c < choices; c++) {
            delta[c] = free_one->marginal[node][c] - plan->objective_s;
            exact[c] =
                free_one->marginals_exact && free_one->status == SC_SOLVED_OPTIMAL && plan->status == SC_SOLVED_OPTIMAL;
        }
        sc_solution_free(free_one);
    }
    for (int c = 0; c < choices; c++) {
        if (c == plan->choice[node]) {
            delta[c] = 0;
            exact[c] = true;
        }
        if (exact[c] || delta[c] == INFINITY || sc_cancelled(cancel))
            continue;
        struct sc_solution *solution = NULL;
        enum sc_status status = plan_solve_forced(plan, node, c, cancel, &solution, err);
        if (status != SC_OK)
            return status;
        take_delta(plan, solution, &delta[c], &exact[c]);
        sc_solution_free(solution);
    }
    return SC_OK;
}
