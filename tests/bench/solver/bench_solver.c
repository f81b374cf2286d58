/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * bench_solver: solve `problem` files, each in a process of its own, and print one line each: cost, proven bound, gap,
 * seconds to the best plan and to the proof, peak memory; with --ilp the same of GLPK alone beside it.
 *   bench_solver [--solver NAME] [--ilp] [--time-limit SEC] [--trace] [--marginals] [--no-limit] FILE...
 */
#include "solve/solve.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

struct arguments {
    struct sc_solve_options options;
    double time_limit;
    bool trace, no_limit, ilp;
};

/* What a run sends back. */
struct outcome {
    char name[40];
    bool ok;
    enum sc_solve_status status;
    double cost, bound, gap, found, proof, read, peak; /* proof: seconds, +inf without; peak in MiB */
    int trace_count;
    struct sc_solve_trace trace[32];
};

static void take(struct outcome *out, const struct sc_problem *problem, const struct sc_solution *s)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    snprintf(out->name, sizeof out->name, "%s", problem->name);
    out->ok = true;
    out->status = s->status;
    out->cost = s->cost;
    out->bound = s->bound;
    out->gap = s->gap;
    out->found = s->choices ? s->found_s : INFINITY;
    out->proof = s->status == SC_SOLVED_OPTIMAL || s->status == SC_SOLVED_INFEASIBLE ? s->seconds : INFINITY;
    out->peak = (double)usage.ru_maxrss / 1024;
    out->trace_count = s->trace_count;
    memcpy(out->trace, s->trace, sizeof out->trace);
}

static void run(const char *path, const struct arguments *a, enum sc_solver solver, struct outcome *out)
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
        return;
    }
    out->read = sc_now() - start;
    if (a->no_limit && sc_problem_vary(problem, 0, NULL, NULL, INFINITY, &varied, &err) == SC_OK) {
        sc_problem_free(problem);
        problem = varied;
    }
    sc_cancel_init(&cancel, a->time_limit, 0);
    options.solver = solver;
    options.cancel = &cancel;
    if (sc_solve(problem, &options, &solution, &err) == SC_OK) {
        take(out, problem, solution);
        sc_solution_free(solution);
    } else {
        fprintf(stderr, "%s: %s\n", path, err.message);
    }
    sc_problem_free(problem);
}

/* In a process of its own, so that peak memory is that of this run. */
static bool run_apart(const char *path, const struct arguments *a, enum sc_solver solver, struct outcome *out)
{
    int ends[2], status;
    *out = (struct outcome){0};
    if (pipe(ends) != 0)
        return false;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        run(path, a, solver, out);
        _exit(write(ends[1], out, sizeof *out) == (ssize_t)sizeof *out ? 0 : 1);
    }
    close(ends[1]);
    size_t got = 0;
    ssize_t count = 1;
    while (child > 0 && got < sizeof *out && count > 0) {
        count = read(ends[0], (char *)out + got, sizeof *out - got);
        got += count > 0 ? (size_t)count : 0;
    }
    close(ends[0]);
    if (child > 0)
        waitpid(child, &status, 0);
    return child > 0 && got == sizeof *out && out->ok;
}

static void print_seconds(double seconds)
{
    if (seconds < INFINITY)
        printf(" %9.4f", seconds);
    else
        printf(" %9s", "-");
}

static void print_outcome(const struct outcome *o)
{
    printf(" %-10s %18.12g %18.12g %9.5f", sc_solve_status_name(o->status), o->cost, o->bound, o->gap * 100);
    print_seconds(o->found);
    print_seconds(o->proof);
    printf(" %7.0f", o->peak);
}

static int bench(const char *path, const struct arguments *a)
{
    struct outcome o;
    if (!run_apart(path, a, a->options.solver, &o))
        return 1;
    printf("%-26.26s %7.3f", o.name, o.read);
    print_outcome(&o);
    for (int i = 0; a->trace && i < o.trace_count; i++)
        printf("\n    %-10s %9.4f s  nodes %6d  edges %6d  cost %.17g  bound %.17g", o.trace[i].rung,
               o.trace[i].seconds, o.trace[i].nodes, o.trace[i].edges, o.trace[i].cost, o.trace[i].bound);
    if (a->ilp && run_apart(path, a, SC_SOLVER_ILP, &o)) {
        printf(" |");
        print_outcome(&o);
    }
    printf("\n");
    return 0;
}

static void print_head(const struct arguments *a)
{
    printf("%-26s %7s", "problem", "read s");
    for (int i = 0; i < (a->ilp ? 2 : 1); i++)
        printf("%s %-10s %18s %18s %9s %9s %9s %7s", i ? " |" : "", i ? "ilp" : sc_solver_name(a->options.solver),
               "cost", "bound", "gap %", "best s", "proof s", "MiB");
    printf("\n");
}

int main(int argc, char **argv)
{
    struct arguments a = {.options = SC_SOLVE_OPTIONS_INIT, .time_limit = 60};
    int failed = 0;
    bool begun = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--trace") == 0) {
            a.trace = true;
        } else if (strcmp(argv[i], "--ilp") == 0) {
            a.ilp = true;
        } else if (strcmp(argv[i], "--marginals") == 0) {
            a.options.marginals = true;
        } else if (strcmp(argv[i], "--no-limit") == 0) {
            a.no_limit = true;
        } else if (strcmp(argv[i], "--time-limit") == 0 && i + 1 < argc) {
            a.time_limit = atof(argv[++i]);
        } else if (strcmp(argv[i], "--solver") == 0 && i + 1 < argc) {
            if (!sc_solver_find(argv[++i], &a.options.solver)) {
                fprintf(stderr, "unknown solver %s\n", argv[i]);
                return 2;
            }
        } else {
            if (!begun)
                print_head(&a);
            begun = true;
            failed |= bench(argv[i], &a);
        }
    }
    return failed;
}
