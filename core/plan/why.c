/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Why an op is sharded as it is, in words: what its strategy pays, and what would change, and where, were the best
 * alternative forced and everything else solved again.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "plan/internal.h"

/* Seconds an iteration of one kind of expense at one op. */
struct tally {
    int op;
    enum sc_cause cause;
    enum sc_phase phase;
    enum sc_collective kind;
    bool collective;
    uint8_t axes;
    double seconds, bytes;
};
typedef SC_VEC(struct tally) tallies;

static bool tally_add(tallies *sum, const struct sc_costs *costs, int op, const struct sc_item *item, double sign)
{
    struct tally new = {op, item->cause, item->phase, item->kind, item->collective, item->collective ? item->axes : 0,
                        0,  item->bytes};
    double seconds = sign * item->seconds * plan_item_times(costs, item);
    if (seconds == 0)
        return true;
    if (!item->collective) /* arithmetic: phases say nothing of interest */
        new.phase = SC_FORWARD;
    for (size_t i = 0; i < sum->count; i++) {
        struct tally *t = &sum->data[i];
        if (t->op == op && t->cause == new.cause && t->phase == new.phase && t->collective == new.collective &&
            (!new.collective || (t->kind == new.kind && t->axes == new.axes))) {
            t->seconds += seconds;
            t->bytes = fmax(t->bytes, new.bytes);
            return true;
        }
    }
    new.seconds = seconds;
    return sc_vec_push(sum, new);
}

static int owner_op(const struct sc_costs *costs, int node)
{
    const struct sc_cost_node *n = &costs->nodes[node];
    return n->op >= 0 ? n->op : costs->graph->tensors[n->tensor].op;
}

static bool tally_node(tallies *sum, const struct sc_costs *costs, int node, int choice, double sign)
{
    struct sc_item items[SC_MAX_ITEMS];
    bool ok = true;
    int count = sc_costs_node_items(costs, node, choice, items);
    for (int i = 0; ok && i < count; i++)
        ok = tally_add(sum, costs, owner_op(costs, node), &items[i], sign);
    return ok;
}

static bool tally_edge(tallies *sum, const struct sc_costs *costs, int edge, const int *choice, double sign)
{
    struct sc_item items[SC_MAX_ITEMS];
    const struct sc_cost_edge *e = &costs->edges[edge];
    bool ok = true;
    int count = sc_costs_edge_items(costs, edge, choice[e->from], choice[e->to], items);
    for (int i = 0; ok && i < count; i++)
        ok = tally_add(sum, costs, owner_op(costs, plan_edge_owner(costs, edge)), &items[i], sign);
    return ok;
}

/* Differences that cost nothing are no consequence of the choice: nodes of `b` go back to what they are in `a` where
 * that changes no cost (and the checker allows it). */
static void settle_ties(const struct sc_plan *plan, int forced, int *b)
{
    const struct sc_problem *problem = plan_full(plan)->base;
    const int *a = plan->choice;
    bool changed = true;
    for (int round = 0; changed && round < 8; round++) {
        struct sc_check before = sc_problem_check(problem, b);
        changed = false;
        for (int n = 0; n < problem->node_count; n++) {
            int kept = b[n];
            if (n == forced || a[n] == kept)
                continue;
            b[n] = a[n];
            struct sc_check after = sc_problem_check(problem, b);
            if (after.feasible && after.cost <= before.cost)
                changed = true;
            else
                b[n] = kept;
        }
    }
}

/* What two assignments pay differently: positive is paid by `b` alone, negative saved by it. */
static bool tally_change(tallies *sum, const struct sc_costs *costs, const int *a, const int *b)
{
    bool ok = true;
    for (int n = 0; ok && n < costs->node_count; n++)
        if (a[n] != b[n])
            ok = tally_node(sum, costs, n, a[n], -1) && tally_node(sum, costs, n, b[n], 1);
    for (int e = 0; ok && e < costs->edge_count; e++) {
        const struct sc_cost_edge *edge = &costs->edges[e];
        if (a[edge->from] != b[edge->from] || a[edge->to] != b[edge->to])
            ok = tally_edge(sum, costs, e, a, -1) && tally_edge(sum, costs, e, b, 1);
    }
    return ok;
}

/* Seconds below a nanosecond are rounding, not a reason. */
static void drop_dust(tallies *sum)
{
    size_t kept = 0;
    for (size_t i = 0; i < sum->count; i++)
        if (fabs(sum->data[i].seconds) >= 1e-9)
            sum->data[kept++] = sum->data[i];
    sum->count = kept;
}

static int by_size(const void *a, const void *b)
{
    const struct tally *x = a, *y = b;
    double p = fabs(x->seconds), q = fabs(y->seconds);
    return p != q ? (p > q ? -1 : 1) : x->op != y->op ? (x->op < y->op ? -1 : 1) : (int)x->cause - (int)y->cause;
}

static void write_axes(struct sc_str *out, unsigned axes)
{
    for (int a = 0; a < SC_MAX_AXES; a++)
        if (axes & (1u << a))
            sc_str_addf(out, "%c", sc_axis_name(a));
}

/* "all-reduce of 10 MiB over y in backward (sums partial results)" */
static void write_expense(struct sc_str *out, const struct tally *t)
{
    char bytes[32];
    if (!t->collective) {
        sc_str_add(out, sc_cause_words(t->cause));
        return;
    }
    for (const char *name = sc_collective_name(t->kind); *name; name++)
        sc_str_addf(out, "%c", *name == '_' ? '-' : *name);
    sc_format_bytes(t->bytes, bytes, sizeof bytes);
    sc_str_addf(out, " of %s over ", bytes);
    write_axes(out, t->axes);
    sc_str_addf(out, " in %s (%s)", t->phase == SC_ONCE ? "the update" : sc_phase_name(t->phase),
                sc_cause_words(t->cause));
}

static void write_list(struct sc_str *out, const struct sc_graph *graph, const tallies *sum, int sign, size_t most,
                       int home)
{
    size_t written = 0;
    double rest = 0;
    char seconds[32];
    for (size_t i = 0; i < sum->count; i++) {
        const struct tally *t = &sum->data[i];
        if (t->seconds * sign <= 0)
            continue;
        if (written == most) {
            rest += fabs(t->seconds);
            continue;
        }
        sc_format_seconds(fabs(t->seconds), seconds, sizeof seconds);
        sc_str_addf(out, "    %s %9s  ", sign > 0 ? "+" : "-", seconds);
        write_expense(out, t);
        if (t->op != home)
            sc_str_addf(out, ", at %s", graph->ops[t->op].name);
        sc_str_add(out, "\n");
        written++;
    }
    if (rest > 0) {
        sc_format_seconds(rest, seconds, sizeof seconds);
        sc_str_addf(out, "    %s %9s  smaller changes together\n", sign > 0 ? "+" : "-", seconds);
    }
}

static void write_now(struct sc_str *out, const struct sc_plan *plan, int op, const tallies *paid)
{
    const struct sc_costs *costs = plan->costs;
    const struct sc_op *o = &plan->graph->ops[op];
    char strategy[64];
    int node = costs->op_node[op];
    int split = sc_strategy_split(&costs->nodes[node].set->at[plan->choice[node]], &costs->mesh.axes);
    sc_plan_op_strategy(plan, op, strategy, sizeof strategy);
    sc_str_addf(out, "%s (%s) runs as %s", o->name, o->kind->name, strategy);
    if (o->operand_count)
        sc_str_addf(out, ": each device does 1/%d of its work", split);
    sc_str_addf(out, "%s.\n", plan->pinned[op] ? " because it is pinned" : "");
    if (paid->count) {
        sc_str_add(out, "An iteration pays for it:\n");
        write_list(out, plan->graph, paid, 1, 6, op);
    }
}

static void write_flips(struct sc_str *out, const struct sc_plan *plan, int op, const int *other)
{
    const struct sc_costs *costs = plan->costs;
    int flips = 0;
    char was[64], is[64];
    for (int n = 0; n < costs->node_count; n++) {
        int o = costs->nodes[n].op;
        if (o < 0 || o == op || plan->choice[n] == other[n])
            continue;
        if (flips++ < 3) {
            sc_strategy_format(plan->graph, o, &costs->nodes[n].set->at[plan->choice[n]], was, sizeof was);
            sc_strategy_format(plan->graph, o, &costs->nodes[n].set->at[other[n]], is, sizeof is);
            sc_str_addf(out, "    %s: %s -> %s\n", plan->graph->ops[o].name, was, is);
        }
    }
    if (flips > 3)
        sc_str_addf(out, "    and %d more ops\n", flips - 3);
    if (!flips)
        sc_str_add(out, "    no other op would change\n");
}

static void write_side(struct sc_str *out, const struct sc_graph *graph, const tallies *change, int sign, int op,
                       const char *title)
{
    bool any = false;
    for (size_t i = 0; i < change->count; i++)
        any |= change->data[i].seconds * sign > 0;
    if (any) {
        sc_str_add(out, title);
        write_list(out, graph, change, sign, 4, op);
    }
}

/* With several stages: what the iteration changes by when the other stages stay, then what the op's own does. */
static void write_difference(struct sc_str *out, const struct sc_plan *whole, int op, const char *strategy,
                             double delta)
{
    char seconds[32], own[32];
    double all = sc_plan_stage_delta(whole, op, delta);
    const char *words = delta > 0 ? "longer" : "shorter";
    sc_format_seconds(fabs(all), seconds, sizeof seconds);
    sc_format_seconds(fabs(delta), own, sizeof own);
    if (delta == 0)
        sc_str_addf(out, "Forcing %s would cost the same.", strategy);
    else if (whole->stage_count <= 1)
        sc_str_addf(out, "Forcing %s would make an iteration %s %s (%+.3g %%).", strategy, seconds, words,
                    100 * all / whole->objective_s);
    else
        sc_str_addf(out,
                    "Forcing %s, with the stages as they are, would make an iteration %s %s (%+.3g %%): stage %d is "
                    "at work %s %s.",
                    strategy, seconds, words, 100 * all / whole->objective_s, sc_plan_stage_of_op(whole, op), own,
                    words);
}

static void write_alternative(struct sc_str *out, const struct sc_plan *whole, int op, int choice,
                              const struct sc_solution *other, tallies *change)
{
    const struct sc_plan *plan = sc_plan_of_op(whole, op);
    const struct sc_costs *costs = plan->costs;
    char strategy[64];
    sc_strategy_format(plan->graph, op, &costs->nodes[costs->op_node[op]].set->at[choice], strategy, sizeof strategy);
    write_difference(out, whole, op, strategy, other->cost - plan->objective_s);
    sc_str_add(out, other->status == SC_SOLVED_OPTIMAL ? "\n" : " (not proven)\n");
    drop_dust(change);
    qsort(change->data, change->count, sizeof *change->data, by_size);
    write_side(out, plan->graph, change, 1, op, "  It would pay:\n");
    write_side(out, plan->graph, change, -1, op, "  It would save:\n");
    sc_str_add(out, "  Other ops that would change with it:\n");
    write_flips(out, plan, op, other->choices);
}

/* The alternative of least Δ; -1 when there is none. A pinned op's alternatives are known only when its pin gives way.
 */
static enum sc_status best_other(const struct sc_plan *plan, int node, int *best, struct sc_cancel *cancel,
                                 struct sc_error *err)
{
    int choices = plan->costs->nodes[node].set->count;
    const double *delta = plan->delta && !plan_full(plan)->forced[node] ? plan->delta[node] : NULL;
    struct sc_solution *freed = NULL;
    enum sc_status status = SC_OK;
    *best = -1;
    if (!delta)
        status = plan_solve_forced(plan, node, -1, cancel, &freed, err);
    if (freed)
        delta = freed->marginal ? freed->marginal[node] : NULL;
    for (int c = 0; delta && c < choices; c++)
        if (c != plan->choice[node] && isfinite(delta[c]) && (*best < 0 || delta[c] < delta[*best]))
            *best = c;
    sc_solution_free(freed);
    return status;
}

static bool tally_own(tallies *paid, const struct sc_plan *plan, int op)
{
    const struct sc_costs *costs = plan->costs;
    int node = costs->op_node[op];
    bool ok = tally_node(paid, costs, node, plan->choice[node], 1);
    for (int e = 0; ok && e < costs->edge_count; e++)
        if (owner_op(costs, plan_edge_owner(costs, e)) == op)
            ok = tally_edge(paid, costs, e, plan->choice, 1);
    if (paid->count)
        qsort(paid->data, paid->count, sizeof *paid->data, by_size);
    return ok;
}

enum sc_status sc_plan_why(const struct sc_plan *whole, int op, int choice, struct sc_cancel *cancel,
                           struct sc_str *out, struct sc_error *err)
{
    if (!whole->choice)
        return sc_fail(err, SC_NOT_FOUND, "there is no plan to explain");
    const struct sc_plan *plan = sc_plan_of_op(whole, op);
    int node = plan->costs->op_node[op];
    tallies paid = {0}, change = {0};
    struct sc_solution *other = NULL;
    bool ok = tally_own(&paid, plan, op);
    enum sc_status status = SC_OK;
    if (ok)
        write_now(out, plan, op, &paid);
    if (choice < 0 || choice == plan->choice[node])
        status = best_other(plan, node, &choice, cancel, err);
    if (ok && status == SC_OK && choice >= 0)
        status = plan_solve_forced(plan, node, choice, cancel, &other, err);
    if (ok && other && other->choices) {
        settle_ties(plan, node, other->choices);
        ok = tally_change(&change, plan->costs, plan->choice, other->choices);
        if (ok)
            write_alternative(out, whole, op, choice, other, &change);
    } else if (ok && other && other->status == SC_SOLVED_INFEASIBLE) {
        sc_str_add(out, "No plan exists with that strategy under the other constraints.\n");
    } else if (ok && status == SC_OK && (other || sc_cancelled(cancel))) {
        sc_str_add(out, "Stopped before its best alternative was solved.\n");
    } else if (ok && status == SC_OK) {
        sc_str_add(out, "There is no other strategy for it here.\n");
    }
    if (plan->costs->memory_bytes > 0 && plan->peak_bytes > 0.97 * plan->costs->memory_bytes) {
        char used[32], limit[32];
        sc_format_bytes(plan->peak_bytes, used, sizeof used);
        sc_format_bytes(plan->costs->memory_bytes, limit, sizeof limit);
        sc_str_addf(out, "Memory is tight: the plan uses %s of %s a device, so faster choices may not fit.\n", used,
                    limit);
    }
    sc_solution_free(other);
    sc_vec_free(&paid);
    sc_vec_free(&change);
    return ok ? status : sc_fail(err, SC_NO_MEMORY, "no memory to explain %s", plan->graph->ops[op].name);
}
