/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * exact: the ladder. Each rung leaves a plan, a proven bound or a smaller problem to the next one (see the headers of
 * reduce.c, eliminate.c, ilp.c). Everything works on whole numbers of a unit, so that bounds are proofs.
 */
#include "solve/core.h"
#include "solve/elim.h"
#include "solve/frontier.h"
#include "solve/local.h"
#include "solve/price.h"
#include "solve/search.h"

#include <math.h>
#include <string.h>

static const double widest = 1 << 27; /* entries of all cliques together */

enum { small_enough = 600 }; /* nodes of a core that branching may finish */

struct ladder {
    struct sc_job *job;
    struct sc_core *core;
    struct sc_core *pool; /* reduced only: for plans */
    struct sc_neighbourhoods hood;
    double lambda;       /* of usage, from the frontier */
    int *plan, *choices; /* scratch: of the core, of the problem */
    double since;        /* start of the present rung */
    double tolerance;    /* of a proof by GLPK */
};

/* ---- bookkeeping ------------------------------------------------------------------------------------ */

static bool wanted(const struct ladder *l, enum sc_rung rung)
{
    return (l->job->options->skip >> rung & 1) == 0;
}

static void begin(struct ladder *l, enum sc_rung rung)
{
    sc_job_phase(l->job, sc_rung_name(rung));
    l->since = sc_now();
}

static void end(struct ladder *l)
{
    sc_job_trace(l->job, l->job->phase, sc_now() - l->since, l->core ? l->core->alive : 0,
                 l->core ? l->core->edge_alive : 0);
}

/* From core units to the problem's, less what rounding may have changed. */
static void lower_bound(struct ladder *l, double units)
{
    /* Plans that cost as much as what is wanted may have been deleted: a bound says nothing beyond that cost. */
    double bound = units == INFINITY ? INFINITY : units * l->core->unit - l->core->error;
    sc_job_bound(l->job, fmin(bound, sc_job_wanted(l->job)));
}

static void offer(struct ladder *l, const int *plan)
{
    sc_core_expand(l->core, plan, l->choices);
    sc_job_plan(l->job, l->choices);
}

/* The cost of the best plan, or what plans must cost less than, in core units. */
static double cutoff(const struct ladder *l)
{
    return sc_job_wanted(l->job) / l->core->unit;
}

/* It is proven that no plan is cheaper than the best one, if there is one, or that none is wanted. */
static void no_cheaper(struct ladder *l)
{
    struct sc_solution *s = l->job->solution;
    double least = sc_job_wanted(l->job);
    if (least == INFINITY)
        s->status = SC_SOLVED_INFEASIBLE;
    else
        sc_job_bound(l->job, least - 2 * l->core->error);
    if (s->choices && s->cost <= least)
        s->status = SC_SOLVED_OPTIMAL;
}

/* Does the bound reach what plans must cost less than? */
static bool bounded(const struct ladder *l)
{
    double least = sc_job_wanted(l->job);
    return least < INFINITY && l->job->solution->bound >= least - 2 * l->core->error;
}

static bool settled(const struct ladder *l)
{
    const struct sc_solution *s = l->job->solution;
    return l->core->infeasible || s->status != SC_SOLVED_FEASIBLE || bounded(l) || sc_job_stop(l->job);
}

/* ---- rungs ------------------------------------------------------------------------------------------ */

/* Min-marginals of a core that still has all its choices, less `credit`, where they exceed those that are known. */
static enum sc_status marginal_rows(struct ladder *l, const struct sc_core *core, const struct sc_core_view *v,
                                    struct sc_elim *elim, double credit)
{
    double **known = l->job->solution->marginal;
    enum sc_status status = sc_elim_run(elim, v->view.cost);
    if (status == SC_OK)
        status = sc_elim_descend(elim);
    for (int n = 0; status == SC_OK && n < core->n; n++) {
        double *row = sc_core_scratch(l->core, (size_t)core->node[n].k);
        if (!row)
            return SC_NO_MEMORY;
        status = sc_elim_marginal(elim, n, row);
        for (int c = 0; status == SC_OK && c < core->node[n].k; c++) {
            double bound = (row[c] - credit) * core->unit - core->error;
            known[n][c] = credit == 0 ? bound : fmax(known[n][c], bound);
        }
    }
    return status;
}

/* Elimination of the whole problem as it came, without its limit: the bound at once, min-marginals, and often the
 * optimum. SC_OK also when it was too wide. */
static enum sc_status marginals(struct ladder *l)
{
    struct sc_core_view v = {0};
    struct sc_elim *elim = NULL;
    struct sc_solution *s = l->job->solution;
    bool too_wide = false;
    enum sc_status status = SC_NO_MEMORY;
    begin(l, SC_RUNG_ELIMINATE);
    if (sc_core_view_make(l->core, &v))
        elim = sc_elim_new(&v.view, widest, l->job->options->cancel, &too_wide);
    if (elim) {
        status = marginal_rows(l, l->core, &v, elim, 0);
        if (status == SC_OK) {
            sc_elim_plan(elim, l->plan);
            lower_bound(l, elim->total);
            offer(l, l->plan);
        } else if (status == SC_INFEASIBLE) {
            l->core->infeasible = true;
            status = SC_OK;
        }
    } else if (too_wide) {
        s->marginal = NULL;
        status = SC_OK;
    } else if (sc_cancelled(l->job->options->cancel)) {
        status = SC_CANCELLED;
    }
    sc_elim_free(elim);
    sc_core_view_free(&v);
    if (s->marginal) {
        sc_core_settle_slots(l->core);
        s->marginals_exact = l->core->slot_count == 0 && l->core->error == 0;
    }
    end(l);
    return status == SC_NO_MEMORY ? sc_job_no_memory(l->job) : status;
}

/* Better lower bounds on min-marginals when the limit binds: those of the problem in which usage at the time of the
 * plan's peak has a price. */
static enum sc_status priced_marginals(struct ladder *l)
{
    struct sc_solution *s = l->job->solution;
    struct sc_cancel *cancel = l->job->options->cancel;
    struct sc_core *core = sc_core_new(l->job->problem, cancel);
    struct sc_core_view v = {0};
    struct sc_elim *elim = NULL;
    bool too_wide = false;
    begin(l, SC_RUNG_ELIMINATE);
    double *load = core ? sc_calloc((size_t)core->slot_count + 1, sizeof *load) : NULL;
    enum sc_status status = SC_NO_MEMORY;
    if (load && sc_core_view_make(core, &v))
        elim = sc_elim_new(&v.view, widest, cancel, &too_wide);
    if (elim) {
        int peak = 0;
        sc_core_loads(core, s->choices, load);
        for (int t = 1; t < core->slot_count; t++)
            peak = load[t] > load[peak] ? t : peak;
        for (int n = 0; n < core->n; n++)
            for (int i = 0; i < core->node[n].seg_count; i++)
                for (int c = 0; core->node[n].seg[i].a <= peak && peak < core->node[n].seg[i].b && c < core->node[n].k;
                     c++)
                    core->node[n].cost[c] += floor(l->lambda * core->node[n].seg[i].use[c]);
        double credit = ceil(l->lambda * core->room[peak] * (1 + 1e-14)) + core->n;
        status = marginal_rows(l, core, &v, elim, credit);
    } else if (too_wide || sc_cancelled(cancel)) {
        status = SC_OK; /* the bounds without a price stay */
    }
    sc_free(load);
    sc_elim_free(elim);
    sc_core_view_free(&v);
    sc_core_free(core);
    end(l);
    return status == SC_NO_MEMORY ? sc_job_no_memory(l->job) : SC_OK;
}

static enum sc_status reduce(struct ladder *l)
{
    begin(l, SC_RUNG_REDUCE);
    sc_core_reduce(l->core);
    if (!l->core->infeasible && !l->core->no_memory && l->core->alive == 0) {
        lower_bound(l, l->core->constant);
        offer(l, l->plan);
    }
    end(l);
    if (l->core->no_memory)
        return sc_job_no_memory(l->job);
    return sc_cancelled(l->job->options->cancel) ? SC_CANCELLED : SC_OK;
}

/* ---- narrow cores ------------------------------------------------------------------------------------ */

static double offer_core(void *user, const int *plan)
{
    struct ladder *l = user;
    offer(l, plan);
    return cutoff(l);
}

static void bound_core(void *user, double bound)
{
    lower_bound(user, bound);
}

static bool stop_core(void *user)
{
    const struct ladder *l = user;
    return sc_job_stop(l->job);
}

/* Solve the core without its limit. */
static enum sc_status relax(struct ladder *l, struct sc_core_view *v, struct sc_elim *elim)
{
    enum sc_status status = sc_elim_run(elim, v->view.cost);
    if (status == SC_INFEASIBLE)
        l->core->infeasible = true;
    if (status != SC_OK)
        return status;
    int *plan = sc_calloc((size_t)v->view.node_count + 1, sizeof *plan);
    if (!plan)
        return SC_NO_MEMORY;
    lower_bound(l, l->core->constant + elim->total);
    sc_elim_plan(elim, plan);
    for (int i = 0; i < v->view.node_count; i++)
        l->plan[v->nodes[i]] = plan[i];
    sc_free(plan);
    offer(l, l->plan);
    return SC_OK;
}

/* Elimination of what is left, and when the limit binds, frontiers over it. */
static enum sc_status narrow(struct ladder *l)
{
    struct sc_core_view v = {0};
    struct sc_elim *elim = NULL;
    bool too_wide = false;
    enum sc_status status = SC_NO_MEMORY;
    begin(l, SC_RUNG_ELIMINATE);
    if (sc_core_view_make(l->core, &v))
        elim = sc_elim_new(&v.view, widest, l->job->options->cancel, &too_wide);
    if (elim)
        status = relax(l, &v, elim);
    else if (too_wide)
        status = SC_OK;
    else if (sc_cancelled(l->job->options->cancel))
        status = SC_CANCELLED;
    end(l);
    if (status == SC_OK && elim && l->core->slot_count > 0 && !settled(l) && wanted(l, SC_RUNG_FRONTIER)) {
        const struct sc_core_sink sink = {offer_core, bound_core, stop_core, l};
        enum sc_frontier_end how;
        begin(l, SC_RUNG_FRONTIER);
        status = sc_core_frontier(l->core, &v, elim, cutoff(l), &sink, &l->lambda, &how);
        if (status == SC_OK && how == SC_FRONTIER_PROVEN)
            no_cheaper(l);
        end(l);
    }
    sc_elim_free(elim);
    sc_core_view_free(&v);
    if (status == SC_INFEASIBLE)
        return SC_OK;
    return status == SC_NO_MEMORY ? sc_job_no_memory(l->job) : status;
}

/* Prices, bounds, plans, deletions, as long as they make progress. */
static enum sc_status price(struct ladder *l, int stall, int steps)
{
    const struct sc_core_sink sink = {offer_core, bound_core, stop_core, l};
    const struct sc_price_options options = {.stall = stall, .steps = steps, .plans = true};
    double best = cutoff(l);
    begin(l, SC_RUNG_PRICE);
    enum sc_status status = sc_core_price(l->core, &best, &sink, &options);
    if (status == SC_OK && !l->core->infeasible && l->core->alive == 0) {
        lower_bound(l, fmin(l->core->constant, cutoff(l)));
        offer(l, l->plan);
    }
    end(l);
    return status == SC_NO_MEMORY ? sc_job_no_memory(l->job) : status;
}

/* ---- search ------------------------------------------------------------------------------------------ */

/* Plans of the pool: a core reduced without a cutoff, in which every plan that was found lives. */
static double offer_pool(void *user, const int *plan)
{
    struct ladder *l = user;
    sc_core_expand(l->pool, plan, l->choices);
    sc_job_plan(l->job, l->choices);
    return cutoff(l);
}

static void bound_pool(void *user, double bound)
{
    (void)user; /* bounds come from the priced core */
    (void)bound;
}

/* The best plan as one of the pool, repaired where the pool lacks a choice. */
static bool enter_pool(struct ladder *l)
{
    struct sc_local *local = sc_local_new(l->pool);
    bool ok = local != NULL;
    if (ok) {
        sc_core_project(l->pool, l->job->solution->choices, l->hood.plan);
        sc_local_set(local, l->hood.plan);
        ok = sc_local_fits(local) || sc_local_repair(local);
        memcpy(l->hood.plan, local->plan, (size_t)l->pool->n * sizeof *local->plan);
    }
    sc_local_free(local);
    return ok;
}

static enum sc_status open_pool(struct ladder *l)
{
    l->pool = sc_core_new(l->job->problem, l->job->options->cancel);
    l->hood.plan = sc_calloc((size_t)l->core->n + 1, sizeof *l->hood.plan);
    l->hood.seed = l->job->options->seed;
    if (!l->pool || !l->hood.plan)
        return SC_NO_MEMORY;
    sc_core_reduce(l->pool);
    return l->pool->no_memory ? SC_NO_MEMORY : SC_OK;
}

static enum sc_status neighbourhoods(struct ladder *l, long regions)
{
    const struct sc_core_sink sink = {offer_pool, bound_pool, stop_core, l};
    double best = cutoff(l);
    begin(l, SC_RUNG_NEIGHBOURS);
    enum sc_status status = l->pool ? SC_OK : open_pool(l);
    if (status == SC_OK && l->job->solution->choices && enter_pool(l))
        status = sc_core_neighbourhoods(l->pool, &l->hood, &best, &sink, regions);
    end(l);
    return status;
}

static enum sc_status branch(struct ladder *l, long nodes)
{
    const struct sc_core_sink sink = {offer_core, bound_core, stop_core, l};
    double best = cutoff(l);
    bool complete;
    begin(l, SC_RUNG_BRANCH);
    enum sc_status status = sc_core_branch_copy(l->core, &best, &sink, nodes, &complete);
    if (status == SC_OK && complete)
        no_cheaper(l);
    end(l);
    return status;
}

/* GLPK on what is left. Its proof is one in floating point, with a tolerance. */
static enum sc_status program(struct ladder *l)
{
    struct sc_core_view v = {0};
    struct sc_ilp_result result = {0};
    begin(l, SC_RUNG_PROGRAM);
    enum sc_status status = SC_NO_MEMORY;
    if (sc_core_view_make(l->core, &v))
        result.choices = sc_calloc((size_t)v.view.node_count + 1, sizeof *result.choices);
    if (result.choices)
        status = sc_ilp_run(&v.view, SC_ILP_POLYTOPE, cutoff(l) - l->core->constant, l->job->options->cancel, NULL,
                            NULL, &result, l->job->err);
    if (status == SC_OK && result.found) {
        for (int i = 0; i < v.view.node_count; i++)
            l->plan[v.nodes[i]] = result.choices[i];
        offer(l, l->plan);
    }
    if (status == SC_OK && result.end != SC_ILP_STOPPED) {
        no_cheaper(l);
        l->tolerance = 1e-6 * fabs(l->job->solution->choices ? l->job->solution->cost : 0);
    }
    sc_free(result.choices);
    sc_core_view_free(&v);
    end(l);
    return status;
}

/* Proof and plans in turns, each time with twice the work, until the plan is proven or the job is told to stop. */
static enum sc_status search(struct ladder *l)
{
    enum sc_status status = SC_OK;
    bool by_branching = wanted(l, SC_RUNG_BRANCH), by_regions = wanted(l, SC_RUNG_NEIGHBOURS);
    if (!by_branching && wanted(l, SC_RUNG_PROGRAM))
        status = program(l);
    long nodes = 64, regions = 128;
    while (status == SC_OK && !settled(l) && (by_branching || by_regions)) {
        if (by_branching && l->core->alive <= small_enough)
            status = branch(l, nodes);
        if (status == SC_OK && !settled(l) && by_regions)
            status = neighbourhoods(l, regions);
        if (status == SC_OK && !settled(l) && wanted(l, SC_RUNG_PRICE))
            status = price(l, 20, 20);
        nodes *= 2;
        regions *= 2;
    }
    return status == SC_NO_MEMORY ? sc_job_no_memory(l->job) : status;
}

static enum sc_status rungs(struct ladder *l)
{
    enum sc_status status = SC_OK;
    if (l->job->options->marginals)
        status = marginals(l);
    if (status == SC_OK && !settled(l) && wanted(l, SC_RUNG_REDUCE))
        status = reduce(l);
    if (status == SC_OK && !settled(l) && wanted(l, SC_RUNG_ELIMINATE))
        status = narrow(l);
    if (status == SC_OK && !settled(l) && wanted(l, SC_RUNG_PRICE))
        status = price(l, 30, 80);
    if (status == SC_OK && !settled(l))
        status = search(l);
    return status;
}

static enum sc_status climb(struct ladder *l)
{
    const struct sc_solution *s = l->job->solution;
    enum sc_status status = rungs(l);
    if (status != SC_OK && status != SC_CANCELLED)
        return status;
    l->job->solution->tolerance = fmax(l->tolerance, 2 * l->core->error);
    if (l->core->infeasible || bounded(l))
        no_cheaper(l);
    if (status == SC_OK && s->marginal && !s->marginals_exact && l->lambda > 0 && s->choices)
        status = priced_marginals(l);
    return status;
}

enum sc_status sc_solve_exact(struct sc_job *job)
{
    size_t n = (size_t)job->problem->node_count;
    struct ladder l = {.job = job};
    l.core = sc_core_new(job->problem, job->options->cancel);
    l.plan = sc_calloc(n, sizeof *l.plan);
    l.choices = sc_calloc(n, sizeof *l.choices);
    enum sc_status status = l.core && l.plan && l.choices ? climb(&l) : sc_job_no_memory(job);
    sc_core_free(l.core);
    sc_core_free(l.pool);
    sc_free(l.hood.plan);
    sc_free(l.plan);
    sc_free(l.choices);
    return status;
}
