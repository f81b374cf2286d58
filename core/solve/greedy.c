/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * greedy: each node takes its own cheapest choice and ignores what its neighbours pay for that. Where this breaks a
 * forbidden pair or the limit, nodes choose in order, each the cheapest that is still allowed beside those before it.
 */
#include "solve/rungs.h"

#include <math.h>

struct greedy {
    const struct sc_problem *p;
    int *choices;
    int *first_edge, *edge; /* edges of node n: edge[first_edge[n] … first_edge[n + 1] - 1] */
    int *first_term, *term;
    struct sc_slots slots;
    double *load;
};

static double cheapest(const double *row, int count)
{
    double best = INFINITY;
    for (int c = 0; c < count; c++)
        best = row[c] < best ? row[c] : best;
    return best;
}

/* Sum of the least node and edge costs: no plan is cheaper. */
static double trivial_bound(const struct sc_problem *p)
{
    double bound = 0;
    for (int n = 0; n < p->node_count; n++)
        bound += cheapest(p->cost[n], p->choices[n]);
    for (int e = 0; e < p->edge_count; e++) {
        const struct sc_table *t = &p->tables[p->edges[e].table];
        double least = INFINITY;
        for (int r = 0; r < t->rows; r++)
            least = fmin(least, cheapest(t->at + (size_t)r * (size_t)t->stride, t->cols));
        bound += least;
    }
    return bound;
}

static bool make(struct greedy *g, const struct sc_problem *p)
{
    size_t n = (size_t)p->node_count;
    g->p = p;
    g->choices = sc_calloc(n, sizeof *g->choices);
    g->first_edge = sc_calloc(n + 2, sizeof *g->first_edge);
    g->edge = sc_calloc((size_t)p->edge_count * 2 + 1, sizeof *g->edge);
    g->first_term = sc_calloc(n + 2, sizeof *g->first_term);
    g->term = sc_calloc((size_t)p->usage_count + 1, sizeof *g->term);
    if (!g->choices || !g->first_edge || !g->edge || !g->first_term || !g->term || !sc_slots_make(p, &g->slots))
        return false;
    g->load = sc_calloc((size_t)g->slots.count + 1, sizeof *g->load);
    if (!g->load)
        return false;
    /* Counting sort: counts two places ahead, so that filling leaves first[n] in place. */
    for (int e = 0; e < p->edge_count; e++) {
        g->first_edge[p->edges[e].from + 2]++;
        g->first_edge[p->edges[e].to + 2]++;
    }
    for (int u = 0; u < p->usage_count; u++)
        g->first_term[p->usages[u].node + 2]++;
    for (size_t i = 2; i < n + 2; i++) {
        g->first_edge[i] += g->first_edge[i - 1];
        g->first_term[i] += g->first_term[i - 1];
    }
    for (int e = 0; e < p->edge_count; e++) {
        g->edge[g->first_edge[p->edges[e].from + 1]++] = e;
        g->edge[g->first_edge[p->edges[e].to + 1]++] = e;
    }
    for (int u = 0; u < p->usage_count; u++)
        g->term[g->first_term[p->usages[u].node + 1]++] = u;
    return true;
}

static void drop(struct greedy *g)
{
    sc_free(g->choices);
    sc_free(g->first_edge);
    sc_free(g->edge);
    sc_free(g->first_term);
    sc_free(g->term);
    sc_free(g->load);
    sc_slots_free(&g->slots);
}

/* Allowed beside the nodes before `node`. */
static bool allowed(const struct greedy *g, int node, int choice)
{
    const struct sc_problem *p = g->p;
    for (int i = g->first_edge[node]; i < g->first_edge[node + 1]; i++) {
        const struct sc_problem_edge *edge = &p->edges[g->edge[i]];
        const struct sc_table *t = &p->tables[edge->table];
        int other = edge->from == node ? edge->to : edge->from;
        int row = edge->from == node ? choice : g->choices[other],
            col = edge->from == node ? g->choices[other] : choice;
        if (other < node && t->at[(size_t)row * (size_t)t->stride + (size_t)col] == INFINITY)
            return false;
    }
    for (int i = g->first_term[node]; i < g->first_term[node + 1]; i++) {
        int u = g->term[i];
        for (int s = g->slots.begin[u]; s < g->slots.end[u]; s++)
            if (g->load[s] + p->usages[u].usage[choice] > p->limit)
                return false;
    }
    return true;
}

static bool in_order(struct greedy *g)
{
    const struct sc_problem *p = g->p;
    for (int n = 0; n < p->node_count; n++) {
        int best = -1;
        for (int c = 0; c < p->choices[n]; c++)
            if (p->cost[n][c] < (best < 0 ? INFINITY : p->cost[n][best]) && allowed(g, n, c))
                best = c;
        if (best < 0)
            return false;
        g->choices[n] = best;
        for (int i = g->first_term[n]; i < g->first_term[n + 1]; i++)
            for (int s = g->slots.begin[g->term[i]]; s < g->slots.end[g->term[i]]; s++)
                g->load[s] += p->usages[g->term[i]].usage[best];
    }
    return true;
}

enum sc_status sc_solve_greedy(struct sc_job *job)
{
    const struct sc_problem *p = job->problem;
    struct greedy g = {0};
    sc_job_phase(job, "greedy");
    enum sc_status status = make(&g, p) ? SC_OK : sc_job_no_memory(job);
    if (status == SC_OK) {
        double start = sc_now();
        sc_job_bound(job, trivial_bound(p));
        for (int n = 0; n < p->node_count; n++)
            for (int c = 1; c < p->choices[n]; c++)
                if (p->cost[n][c] < p->cost[n][g.choices[n]])
                    g.choices[n] = c;
        if (sc_job_plan(job, g.choices) == INFINITY && in_order(&g))
            sc_job_plan(job, g.choices);
        sc_job_trace(job, "greedy", sc_now() - start, p->node_count, p->edge_count);
    }
    drop(&g);
    return status;
}
