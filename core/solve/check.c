/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * check: prices a plan from the problem alone, by direct summation and a sweep over the usage events in order of time.
 * It shares no code with any solver, so that a mistake of theirs cannot hide here.
 */
#include "solve/solve.h"

#include <math.h>
#include <stdlib.h>

/* Usages that are not whole numbers add up with rounding: then a load may exceed the limit by this fraction of it. */
static const double fractional_slack = 1e-9;

struct event {
    int64_t time;
    double change;
};

/* By time; at one time what ends goes before what begins, since intervals are open at their end. */
static int by_time(const void *a, const void *b)
{
    const struct event *x = a, *y = b;
    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    return (x->change > y->change) - (x->change < y->change);
}

static void sweep(struct event *events, size_t count, struct sc_check *check)
{
    qsort(events, count, sizeof *events, by_time);
    long double load = 0;
    for (size_t i = 0; i < count; i++) {
        load += events[i].change;
        bool last_now = i + 1 == count || events[i + 1].time != events[i].time;
        if (last_now && (double)load > check->peak) {
            check->peak = (double)load;
            check->peak_time = events[i].time;
        }
    }
}

struct sc_check sc_problem_check(const struct sc_problem *problem, const int *choices)
{
    struct sc_check check = {.bad_node = -1, .bad_edge = -1};
    long double cost = 0;
    for (int n = 0; n < problem->node_count; n++) {
        bool inside = choices[n] >= 0 && choices[n] < problem->choices[n];
        if (!inside || problem->cost[n][choices[n]] == INFINITY) {
            if (check.bad_node < 0)
                check.bad_node = n;
            if (!inside) { /* nothing else can be priced */
                check.cost = INFINITY;
                return check;
            }
        }
        cost += problem->cost[n][choices[n]];
    }
    for (int e = 0; e < problem->edge_count; e++) {
        const struct sc_problem_edge *edge = &problem->edges[e];
        const struct sc_table *table = &problem->tables[edge->table];
        double value = table->at[(size_t)choices[edge->from] * (size_t)table->stride + (size_t)choices[edge->to]];
        if (value == INFINITY && check.bad_edge < 0)
            check.bad_edge = e;
        cost += value;
    }
    check.cost = (double)cost;

    struct event *events = sc_calloc((size_t)problem->usage_count * 2 + 1, sizeof *events);
    if (!events) { /* not checked means not feasible */
        check.peak = INFINITY;
        return check;
    }
    size_t count = 0;
    bool whole = true;
    for (int u = 0; u < problem->usage_count; u++) {
        const struct sc_problem_usage *term = &problem->usages[u];
        double usage = term->usage[choices[term->node]];
        if (usage == 0 || term->t0 >= term->t1)
            continue;
        whole = whole && usage == floor(usage);
        events[count++] = (struct event){term->t0, usage};
        events[count++] = (struct event){term->t1, -usage};
    }
    sweep(events, count, &check);
    sc_free(events);
    double limit = problem->limit + (whole || problem->limit == INFINITY ? 0 : problem->limit * fractional_slack);
    check.feasible = check.bad_node < 0 && check.bad_edge < 0 && check.peak <= limit;
    return check;
}
