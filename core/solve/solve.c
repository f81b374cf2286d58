/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * solve: the entry point of all solvers. It keeps the best plan and bound of a call, has every plan priced by the
 * checker, and turns the two into a status.
 */
#include "solve/rungs.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static enum sc_status (*const run[SC_SOLVER_COUNT])(struct sc_job *job) = {
    [SC_SOLVER_EXACT] = sc_solve_exact,
    [SC_SOLVER_ILP] = sc_solve_ilp,
    [SC_SOLVER_GREEDY] = sc_solve_greedy,
    [SC_SOLVER_BRUTE] = sc_solve_brute,
};

static const struct {
    const char *name, *help;
} words[SC_SOLVER_COUNT] = {
#define X(id, name, help) {name, help},
    SC_SOLVER_MAP(X)
#undef X
};

const char *sc_rung_name(enum sc_rung rung)
{
    static const char *const names[] = {
#define X(id, name, help) name,
        SC_RUNG_MAP(X)
#undef X
    };
    return names[rung];
}

const char *sc_solver_name(enum sc_solver solver)
{
    return words[solver].name;
}

const char *sc_solver_help(enum sc_solver solver)
{
    return words[solver].help;
}

bool sc_solver_find(const char *name, enum sc_solver *out)
{
    for (int s = 0; s < SC_SOLVER_COUNT; s++)
        if (strcmp(words[s].name, name) == 0) {
            *out = (enum sc_solver)s;
            return true;
        }
    return false;
}

const char *sc_solve_status_name(enum sc_solve_status status)
{
    static const char *const names[] = {"optimal", "feasible", "infeasible", "timeout"};
    return names[status];
}

/* ---- a job ----------------------------------------------------------------------------------------- */

enum sc_status sc_job_no_memory(const struct sc_job *job)
{
    return sc_fail(job->err, SC_NO_MEMORY, "out of memory while solving \"%s\"", job->problem->name);
}

static void publish(const struct sc_job *job)
{
    sc_progress_set(job->options->progress, job->phase, job->solution->cost, job->solution->bound);
}

double sc_job_plan(struct sc_job *job, const int *choices)
{
    struct sc_solution *s = job->solution;
    struct sc_check check = sc_problem_check(job->problem, choices);
    if (check.cost < INFINITY && check.bad_node < 0 && check.bad_edge < 0 && !check.feasible && check.peak < INFINITY) {
        s->limit_feasible = fmin(s->limit_feasible, check.peak);
    }
    job->no_memory |= check.peak == INFINITY; /* the checker's way to say that it could not check */
    if (!check.feasible)
        return INFINITY;
    if (check.cost < s->cost) {
        size_t bytes = (size_t)job->problem->node_count * sizeof *s->choices;
        if (!s->choices && !(s->choices = sc_arena_alloc(s->arena, bytes))) {
            job->no_memory = true;
            return INFINITY;
        }
        memcpy(s->choices, choices, bytes);
        s->cost = check.cost;
        s->found_s = sc_now() - job->started;
        publish(job);
    }
    return check.cost;
}

void sc_job_bound(struct sc_job *job, double bound)
{
    if (job->problem->quantum > 0 && fabs(bound) < INFINITY)
        bound = ceil(bound / job->problem->quantum) * job->problem->quantum;
    if (bound > job->solution->bound) {
        job->solution->bound = bound;
        publish(job);
    }
}

void sc_job_phase(struct sc_job *job, const char *phase)
{
    job->phase = phase;
    publish(job);
}

void sc_job_trace(struct sc_job *job, const char *rung, double seconds, int nodes, int edges)
{
    struct sc_solution *s = job->solution;
    int last = (int)SC_LEN(s->trace) - 1; /* a long solve goes on overwriting its last line */
    struct sc_solve_trace *t = &s->trace[s->trace_count < last ? s->trace_count : last];
    double before = s->trace_count > last ? t->seconds : 0;
    snprintf(t->rung, sizeof t->rung, "%s", rung);
    t->seconds = before + seconds;
    t->cost = s->cost;
    t->bound = s->bound;
    t->nodes = nodes;
    t->edges = edges;
    if (s->trace_count <= last)
        s->trace_count++;
}

static double gap_of(const struct sc_solution *s)
{
    if (!s->choices)
        return INFINITY;
    double gap = (s->cost - s->bound) / fmax(fabs(s->cost), 1e-30);
    return gap > 0 ? gap : 0;
}

double sc_job_wanted(const struct sc_job *job)
{
    return job->options->most != 0 ? fmin(job->solution->cost, job->options->most) : job->solution->cost;
}

bool sc_job_stop(const struct sc_job *job)
{
    return sc_cancelled(job->options->cancel) || job->solution->bound >= sc_job_wanted(job) ||
           (job->solution->choices && gap_of(job->solution) <= job->options->gap);
}

/* ---- the call -------------------------------------------------------------------------------------- */

static bool make_marginals(struct sc_solution *s, const struct sc_problem *p)
{
    s->marginal = sc_arena_calloc(s->arena, (size_t)p->node_count, sizeof *s->marginal);
    for (int n = 0; s->marginal && n < p->node_count; n++) {
        s->marginal[n] = sc_arena_calloc(s->arena, (size_t)p->choices[n], sizeof **s->marginal);
        if (!s->marginal[n])
            return false;
        for (int c = 0; c < p->choices[n]; c++)
            s->marginal[n][c] = INFINITY;
    }
    return s->marginal != NULL;
}

/* No choice can be forced for less than the bound of all plans. */
static void raise_marginals(struct sc_solution *s, const struct sc_problem *p)
{
    for (int n = 0; n < p->node_count; n++)
        for (int c = 0; c < p->choices[n]; c++)
            s->marginal[n][c] = fmax(s->marginal[n][c], s->bound);
}

static void conclude(struct sc_job *job)
{
    struct sc_solution *s = job->solution;
    if (s->status == SC_SOLVED_INFEASIBLE && !s->choices) {
        s->bound = INFINITY;
        s->tolerance = 0;
    } else if (!s->choices) {
        s->status = SC_SOLVED_TIMEOUT;
    } else if (s->status == SC_SOLVED_OPTIMAL || s->bound >= s->cost) {
        s->status = SC_SOLVED_OPTIMAL;
        s->bound = s->cost;
    } else {
        s->status = SC_SOLVED_FEASIBLE;
    }
    if (s->choices)
        s->limit_feasible = fmin(s->limit_feasible, job->problem->limit);
    s->gap = s->status == SC_SOLVED_OPTIMAL ? 0 : gap_of(s);
    if (s->marginal && !s->marginals_exact)
        raise_marginals(s, job->problem);
    s->seconds = sc_now() - job->started;
    publish(job);
}

enum sc_status sc_solve(const struct sc_problem *problem, const struct sc_solve_options *given,
                        struct sc_solution **out, struct sc_error *err)
{
    struct sc_solve_options own = *given;
    const struct sc_solve_options *options = &own;
    struct sc_cancel cancel; /* counts the work of this call */
    sc_cancel_part(&cancel, given->cancel, 0);
    own.cancel = &cancel;
    *out = NULL;
    struct sc_arena *arena = sc_arena_new();
    struct sc_solution *s = arena ? sc_arena_alloc(arena, sizeof *s) : NULL;
    struct sc_job job = {.problem = problem, .options = options, .solution = s, .err = err, .started = sc_now()};
    if (!s) {
        sc_arena_free(arena);
        return sc_job_no_memory(&job);
    }
    s->arena = arena;
    s->status = SC_SOLVED_FEASIBLE;
    s->cost = s->gap = s->limit_feasible = INFINITY;
    s->bound = s->limit_infeasible = -INFINITY;
    enum sc_status status = SC_OK;
    if (options->marginals && !make_marginals(s, problem))
        status = sc_job_no_memory(&job);
    if (status == SC_OK && options->warm)
        sc_job_plan(&job, options->warm);
    if (status == SC_OK)
        status = run[options->solver](&job);
    if (job.no_memory)
        status = sc_job_no_memory(&job);
    if (status != SC_OK && status != SC_CANCELLED) {
        sc_arena_free(arena);
        return status;
    }
    if (status == SC_CANCELLED || options->solver == SC_SOLVER_GREEDY || options->solver == SC_SOLVER_ILP)
        s->marginal = NULL;
    if (options->limits && status == SC_OK && s->status == SC_SOLVED_INFEASIBLE && !s->choices &&
        problem->limit < INFINITY) {
        status = sc_find_limit(&job);
        if (status != SC_OK) {
            sc_arena_free(arena);
            return status;
        }
    }
    conclude(&job);
    *out = s;
    return SC_OK;
}

void sc_solution_free(struct sc_solution *solution)
{
    if (solution)
        sc_arena_free(solution->arena);
}
