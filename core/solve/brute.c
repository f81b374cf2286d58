/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * brute: every combination, one after the other. The measure of all other solvers on small problems, and a lesson on
 * large ones: it refuses more than 10^7 combinations and says how many there are.
 */
#include "solve/rungs.h"

#include <math.h>
#include <string.h>

static const double most = 1e7;

struct brute {
    struct sc_job *job;
    const struct sc_problem *p;
    int *choices;
    int *last_edge; /* edges sorted by their later node: those of node n end at last_edge[n] */
    int *edge;
    double *partial; /* partial[n]: cost of nodes before n and the edges among them */
    struct sc_slots slots;
    double *load;
    double best, least_peak;
};

static bool make(struct brute *b, struct sc_job *job)
{
    const struct sc_problem *p = b->p = job->problem;
    size_t n = (size_t)p->node_count;
    b->job = job;
    b->best = b->least_peak = INFINITY;
    b->choices = sc_calloc(n, sizeof *b->choices);
    b->last_edge = sc_calloc(n + 1, sizeof *b->last_edge);
    b->edge = sc_calloc((size_t)p->edge_count + 1, sizeof *b->edge);
    b->partial = sc_calloc(n + 1, sizeof *b->partial);
    if (!b->choices || !b->last_edge || !b->edge || !b->partial || !sc_slots_make(p, &b->slots))
        return false;
    b->load = sc_calloc((size_t)b->slots.count + 1, sizeof *b->load);
    if (!b->load)
        return false;
    int count = 0;
    for (int node = 0; node < p->node_count; node++) {
        for (int e = 0; e < p->edge_count; e++) {
            int later = p->edges[e].from > p->edges[e].to ? p->edges[e].from : p->edges[e].to;
            if (later == node)
                b->edge[count++] = e;
        }
        b->last_edge[node] = count;
    }
    return true;
}

static void drop(struct brute *b)
{
    sc_free(b->choices);
    sc_free(b->last_edge);
    sc_free(b->edge);
    sc_free(b->partial);
    sc_free(b->load);
    sc_slots_free(&b->slots);
}

/* Cost of `node` and of its edges to earlier nodes. */
static double added(const struct brute *b, int node)
{
    double cost = b->p->cost[node][b->choices[node]];
    for (int i = node ? b->last_edge[node - 1] : 0; i < b->last_edge[node]; i++) {
        const struct sc_problem_edge *edge = &b->p->edges[b->edge[i]];
        const struct sc_table *t = &b->p->tables[edge->table];
        cost += t->at[(size_t)b->choices[edge->from] * (size_t)t->stride + (size_t)b->choices[edge->to]];
    }
    return cost;
}

static double peak(struct brute *b)
{
    memset(b->load, 0, (size_t)b->slots.count * sizeof *b->load);
    for (int u = 0; u < b->p->usage_count; u++)
        for (int s = b->slots.begin[u]; s < b->slots.end[u]; s++)
            b->load[s] += b->p->usages[u].usage[b->choices[b->p->usages[u].node]];
    double most_used = 0;
    for (int s = 0; s < b->slots.count; s++)
        most_used = b->load[s] > most_used ? b->load[s] : most_used;
    return most_used;
}

static void leaf(struct brute *b, double cost)
{
    double **marginal = b->job->solution->marginal;
    if (cost == INFINITY || (cost >= b->best && !marginal))
        return;
    double used = peak(b);
    b->least_peak = used < b->least_peak ? used : b->least_peak;
    if (used > b->p->limit && !sc_problem_check(b->p, b->choices).feasible)
        return;
    for (int n = 0; marginal && n < b->p->node_count; n++)
        if (cost < marginal[n][b->choices[n]])
            marginal[n][b->choices[n]] = cost;
    if (cost < b->best) {
        b->best = cost;
        sc_job_plan(b->job, b->choices);
    }
}

/* Counts like an odometer with the last node fastest; prefixes keep their partial costs, and a forbidden prefix is
 * skipped whole. */
static enum sc_status enumerate(struct brute *b)
{
    int n = b->p->node_count, node = 0;
    uint64_t steps = 0;
    b->choices[0] = -1;
    while (node >= 0) {
        if (++b->choices[node] == b->p->choices[node]) {
            node--;
            continue;
        }
        b->partial[node + 1] = b->partial[node] + added(b, node);
        if ((++steps & 4095) == 0 && sc_cancel_work(b->job->options->cancel, 4096))
            return SC_CANCELLED;
        if (b->partial[node + 1] == INFINITY)
            continue;
        if (node + 1 == n)
            leaf(b, b->partial[n]);
        else
            b->choices[++node] = -1;
    }
    return SC_OK;
}

enum sc_status sc_solve_brute(struct sc_job *job)
{
    const struct sc_problem *p = job->problem;
    double combinations = 1;
    for (int n = 0; n < p->node_count; n++)
        combinations *= p->choices[n];
    if (combinations > most)
        return sc_fail(job->err, SC_LIMIT, "%.4g combinations; brute force accepts at most 10^7", combinations);
    struct brute b = {0};
    sc_job_phase(job, "brute");
    double start = sc_now();
    enum sc_status status = make(&b, job) ? enumerate(&b) : sc_job_no_memory(job);
    if (status == SC_OK) {
        struct sc_solution *s = job->solution;
        s->status = s->choices ? SC_SOLVED_OPTIMAL : SC_SOLVED_INFEASIBLE;
        s->marginals_exact = s->marginal != NULL;
        if (!s->choices)
            s->limit_feasible = b.least_peak;
    }
    sc_job_trace(job, "brute", sc_now() - start, p->node_count, p->edge_count);
    drop(&b);
    return status;
}
