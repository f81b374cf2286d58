/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * bench_solver: solve `problem` files and print one line each.
 *   bench_solver [--solver NAME] [--time-limit SEC] [--trace] [--marginals] [--no-limit] FILE...
 */
#include "solve/solve.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

struct arguments {
    struct sc_solve_options options;
    double time_limit;
    bool trace, no_limit;
};

static double peak_mebibytes(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss / 1024;
}

static void print_trace(const struct sc_solution *s)
{
    for (int i = 0; i < s->trace_count; i++)
        printf("    %-10s %9.4f s  nodes %6d  edges %6d  cost %.17g  bound %.17g\n", s->trace[i].rung,
               s->trace[i].seconds, s->trace[i].nodes, s->trace[i].edges, s->trace[i].cost, s->trace[i].bound);
}

static int run(const char *path, const struct arguments *a)
{
    struct sc_problem *problem, *varied;
    struct sc_solution *solution;
    struct sc_error err = {0};
    struct sc_cancel cancel;
    struct sc_solve_options options = a->options;
    char text[1400];
    double start = sc_now();
    if (sc_problem_load(path, &problem, &err) != SC_OK) {
        sc_error_format(&err, text, sizeof text);
        fprintf(stderr, "%s\n", text);
        return 1;
    }
    double read = sc_now() - start;
    if (a->no_limit && sc_problem_vary(problem, 0, NULL, NULL, INFINITY, &varied, &err) == SC_OK) {
        sc_problem_free(problem);
        problem = varied;
    }
    sc_cancel_init(&cancel, a->time_limit, 0);
    options.cancel = &cancel;
    if (sc_solve(problem, &options, &solution, &err) != SC_OK) {
        fprintf(stderr, "%s: %s\n", path, err.message);
        sc_problem_free(problem);
        return 1;
    }
    printf("%-28.28s %-10s cost %-18.17g bound %-18.17g gap %6.3f%%  solve %8.4f s  read %6.3f s  peak %5.0f MiB\n",
           problem->name, sc_solve_status_name(solution->status), solution->cost, solution->bound, solution->gap * 100,
           solution->seconds, read, peak_mebibytes());
    if (a->trace)
        print_trace(solution);
    fflush(stdout);
    sc_solution_free(solution);
    sc_problem_free(problem);
    return 0;
}

int main(int argc, char **argv)
{
    struct arguments a = {.options = SC_SOLVE_OPTIONS_INIT, .time_limit = 60};
    int failed = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--trace") == 0)
            a.trace = true;
        else if (strcmp(argv[i], "--marginals") == 0)
            a.options.marginals = true;
        else if (strcmp(argv[i], "--no-limit") == 0)
            a.no_limit = true;
        else if (strcmp(argv[i], "--time-limit") == 0 && i + 1 < argc)
            a.time_limit = atof(argv[++i]);
        else if (strcmp(argv[i], "--solver") == 0 && i + 1 < argc) {
            if (!sc_solver_find(argv[++i], &a.options.solver)) {
                fprintf(stderr, "unknown solver %s\n", argv[i]);
                return 2;
            }
        } else
            failed |= run(argv[i], &a);
    }
    return failed;
}
