/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * bench_layered: problems shaped like transformer models, solved without a limit, with limits from loose to just
 * feasible, and again after one node is pinned. One line each.
 */
#include "support/layered_problem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void run(const struct sc_problem *p, const char *what, bool marginals, bool trace)
{
    struct sc_solve_options options = SC_SOLVE_OPTIONS_INIT;
    struct sc_cancel cancel;
    struct sc_solution *s;
    struct sc_error err = {0};
    sc_cancel_init(&cancel, 20, 0);
    options.cancel = &cancel;
    options.marginals = marginals;
    if (sc_solve(p, &options, &s, &err) != SC_OK) {
        printf("%s: %s\n", what, err.message);
        return;
    }
    printf("%5d nodes  %-34s %-10s cost %.12g  gap %8.4f%%  %8.4f s%s\n", p->node_count, what,
           sc_solve_status_name(s->status), s->cost, s->gap * 100, s->seconds,
           s->marginal ? (s->marginals_exact ? "  exact min-marginals" : "  min-marginal bounds") : "");
    for (int i = 0; trace && i < s->trace_count; i++)
        printf("    %-10s %9.4f s  nodes %6d  edges %6d  cost %.12g  bound %.12g\n", s->trace[i].rung,
               s->trace[i].seconds, s->trace[i].nodes, s->trace[i].edges, s->trace[i].cost, s->trace[i].bound);
    fflush(stdout);
    sc_solution_free(s);
}

static void pinned(const struct sc_problem *p, bool trace)
{
    double row[64];
    int node = p->node_count / 2;
    struct sc_problem *varied;
    struct sc_error err = {0};
    for (int c = 0; c < p->choices[node]; c++)
        row[c] = c == p->choices[node] - 1 ? p->cost[node][c] : INFINITY;
    if (sc_problem_vary(p, 1, &node, (const double *[]){row}, p->limit, &varied, &err) != SC_OK)
        return;
    run(varied, "one node pinned, min-marginals", true, trace);
    sc_problem_free(varied);
}

int main(int argc, char **argv)
{
    static const double rooms[] = {0.9, 0.5, 0.2, 0.05, 0.01};
    bool trace = argc > 1 && strcmp(argv[1], "--trace") == 0;
    static const struct {
        int layers, choices;
    } sizes[] = {{12, 20}, {24, 40}, {48, 60}, {96, 60}};
    for (size_t i = 0; i < SC_LEN(sizes); i++)
        for (int working = 0; working < 2; working++) {
            struct layered_shape shape = {sizes[i].layers, sizes[i].choices, working, 2};
            struct sc_error err = {0};
            struct sc_problem *p = layered_problem(7 + i, &shape, &err);
            if (!p)
                return 1;
            if (!working) {
                run(p, "no limit", false, trace);
                run(p, "no limit, min-marginals", true, trace);
                pinned(p, trace);
            }
            sc_problem_free(p);
            for (size_t r = 0; r < SC_LEN(rooms); r++) {
                char what[64];
                shape.room = rooms[r];
                p = layered_problem(7 + i, &shape, &err);
                if (!p)
                    return 1;
                snprintf(what, sizeof what, "%s, room %g", working ? "held and working" : "held", rooms[r]);
                run(p, what, false, trace);
                sc_problem_free(p);
            }
        }
    return 0;
}
