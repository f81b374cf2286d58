/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * exact: the ladder. Each rung leaves a plan, a proven bound or a smaller problem to the next one (see the headers of
 * reduce.c, eliminate.c, ilp.c). Everything works on whole numbers of a unit, so that bounds are proofs.
 */
#include "solve/core.h"
#include "solve/elim.h"
#include "solve/frontier.h"
#include "solve/price.h"

#include <math.h>
#include <string.h>

static const double widest = 1 << 27; /* entries of all cliques together */

struct ladder {
    struct sc_job *job;
    struct sc_core *core;
    int *plan, *choices; /* scratch: of the core, of the problem */
    double since;        /* start of the present rung */
};

/* ---- bookkeeping ------------------------------------------------------------------------------------ */

static void begin(struct ladder *l, const char *rung)
{
    sc_job_phase(l->job, rung);
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
    /* Plans that cost as much as the best one may have been deleted: a bound says nothing beyond that cost. */
    double bound = units == INFINITY ? INFINITY : units * l->core->unit - l->core->error;
    sc_job_bound(l->job, fmin(bound, l->job->solution->cost));
}

static void offer(struct ladder *l, const int *plan)
{
    sc_core_expand(l->core, plan, l->choices);
    sc_job_plan(l->job, l->choices);
}

/* The cost of the best plan, in core units. */
static double cutoff(const struct ladder *l)
{
    return l->job->solution->cost / l->core->unit;
}

/* It is proven that no plan is cheaper than the best one, if there is one. */
static void no_cheaper(struct ladder *l)
{
    struct sc_solution *s = l->job->solution;
    s->status = s->choices ? SC_SOLVED_OPTIMAL : SC_SOLVED_INFEASIBLE;
    if (s->choices)
        sc_job_bound(l->job, s->cost - 2 * l->core->error);
    else
        l->job->over_limit |= l->core->limited || l->core->slot_count > 0;
}

static bool settled(const struct ladder *l)
{
    const struct sc_solution *s = l->job->solution;
    return l->core->infeasible || s->status != SC_SOLVED_FEASIBLE ||
           (s->choices && s->bound >= s->cost - 2 * l->core->error) || sc_job_stop(l->job);
}

/* ---- rungs ------------------------------------------------------------------------------------------ */

/* Elimination of the whole problem as it came, without its limit: the bound at once, min-marginals, and often the
 * optimum. SC_OK also when it was too wide. */
static enum sc_status marginals(struct ladder *l)
{
    struct sc_core_view v = {0};
    struct sc_elim *elim = NULL;
    struct sc_solution *s = l->job->solution;
    bool too_wide = false;
    enum sc_status status = SC_NO_MEMORY;
    begin(l, "eliminate");
    if (sc_core_view_make(l->core, &v))
        elim = sc_elim_new(&v.view, widest, l->job->options->cancel, &too_wide);
    if (elim) {
        status = sc_elim_run(elim, v.view.cost);
        if (status == SC_OK)
            status = sc_elim_descend(elim);
        if (status == SC_OK)
            status = sc_elim_marginals(elim, s->marginal);
        if (status == SC_OK) {
            for (int n = 0; n < l->core->n; n++)
                for (int c = 0; c < l->core->node[n].k; c++)
                    s->marginal[n][c] = s->marginal[n][c] * l->core->unit - l->core->error;
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

static enum sc_status reduce(struct ladder *l)
{
    begin(l, "reduce");
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
    begin(l, "eliminate");
    if (sc_core_view_make(l->core, &v))
        elim = sc_elim_new(&v.view, widest, l->job->options->cancel, &too_wide);
    if (elim)
        status = relax(l, &v, elim);
    else if (too_wide)
        status = SC_OK;
    else if (sc_cancelled(l->job->options->cancel))
        status = SC_CANCELLED;
    end(l);
    if (status == SC_OK && elim && l->core->slot_count > 0 && !settled(l)) {
        const struct sc_core_sink sink = {offer_core, bound_core, stop_core, l};
        enum sc_frontier_end how;
        begin(l, "frontier");
        status = sc_core_frontier(l->core, &v, elim, cutoff(l), &sink, &how);
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

struct incumbent {
    struct ladder *ladder;
    struct sc_core_view *view;
};

static void take(void *user, const int *choices, double bound)
{
    struct incumbent *in = user;
    (void)bound;
    for (int i = 0; i < in->view->view.node_count; i++)
        in->ladder->plan[in->view->nodes[i]] = choices[i];
    offer(in->ladder, in->ladder->plan);
}

static enum sc_status search(struct ladder *l)
{
    struct sc_core_view v = {0};
    struct incumbent in = {l, &v};
    struct sc_ilp_result result = {0};
    begin(l, "search");
    enum sc_status status = SC_NO_MEMORY;
    if (sc_core_view_make(l->core, &v))
        result.choices = sc_calloc((size_t)v.view.node_count, sizeof *result.choices);
    if (result.choices) {
        status = sc_ilp_run(&v.view, SC_ILP_POLYTOPE, cutoff(l) - l->core->constant, l->job->options->cancel, take, &in, &result, l->job->err);
        if (status == SC_OK && result.end != SC_ILP_STOPPED)
            no_cheaper(l);
    }
    sc_free(result.choices);
    sc_core_view_free(&v);
    end(l);
    return status == SC_NO_MEMORY ? sc_job_no_memory(l->job) : status;
}

/* Prices, bounds, plans, deletions, as long as they make progress. */
static enum sc_status price(struct ladder *l)
{
    const struct sc_core_sink sink = {offer_core, bound_core, stop_core, l};
    const struct sc_price_options options = {.stall = 60, .plans = true};
    double best = cutoff(l);
    begin(l, "price");
    enum sc_status status = sc_core_price(l->core, &best, &sink, &options);
    if (status == SC_OK && !l->core->infeasible && l->core->alive == 0) {
        lower_bound(l, fmin(l->core->constant, cutoff(l)));
        offer(l, l->plan);
    }
    end(l);
    return status == SC_NO_MEMORY ? sc_job_no_memory(l->job) : status;
}

static enum sc_status climb(struct ladder *l)
{
    enum sc_status status = SC_OK;
    if (l->job->options->marginals)
        status = marginals(l);
    if (status == SC_OK && !settled(l))
        status = reduce(l);
    if (status == SC_OK && !settled(l))
        status = narrow(l);
    if (status == SC_OK && !settled(l))
        status = price(l);
    if (status == SC_OK && !settled(l))
        status = search(l);
    if (status != SC_OK)
        return status;
    l->job->solution->tolerance = 2 * l->core->error;
    const struct sc_solution *s = l->job->solution;
    if (l->core->infeasible || (s->choices && s->bound >= s->cost - 2 * l->core->error))
        no_cheaper(l);
    return SC_OK;
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
    sc_free(l.plan);
    sc_free(l.choices);
    return status;
}
