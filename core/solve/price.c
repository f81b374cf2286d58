/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * price: usage limits enter the objective with a price for each slot (Lagrangian relaxation); message passing bounds
 * the priced problem (dual.c); a subgradient with momentum moves the prices, by steps in proportion to the gap (Polyak
 * 1969). Plans come from decoding the messages, repairing and improving (local.c). A choice or pair of choices whose
 * bound exceeds the best plan is deleted and the core reduced again; the work of the messages stays in its costs.
 */
#include "solve/price.h"
#include "solve/dual.h"
#include "solve/local.h"

#include <math.h>
#include <string.h>

enum {
    FIRST_PASSES = 10,
    PASSES = 8,
    PLAN_EVERY = 4,
    MOVES_A_STEP = 100,
    LONGEST_WAIT = 25,
    FIX_EVERY = 5,
    BACK_AFTER = 6
};

struct price {
    struct sc_core *core;
    const struct sc_core_sink *sink;
    const struct sc_price_options *options;
    double *cutoff;
    struct sc_core_view v;
    struct sc_dual *dual;
    struct sc_local *local;
    struct sc_arena *arena;
    double *lambda, *best_lambda, *direction, *load;
    double **bound;
    int *plan, *full;
    double best; /* bound of this round */
    int since, round_steps, next_plan;
};

static enum sc_status open_round(struct price *p)
{
    struct sc_core *core = p->core;
    size_t slots = (size_t)core->slot_count + 1;
    p->arena = sc_arena_new();
    if (!p->arena || !sc_core_view_make(core, &p->v))
        return SC_NO_MEMORY;
    p->dual = sc_dual_new(&p->v.view, core->cancel);
    p->local = p->options->plans ? sc_local_new(core) : NULL;
    p->lambda = sc_arena_calloc(p->arena, slots, sizeof *p->lambda);
    p->best_lambda = sc_arena_calloc(p->arena, slots, sizeof *p->best_lambda);
    p->direction = sc_arena_calloc(p->arena, slots, sizeof *p->direction);
    p->load = sc_arena_calloc(p->arena, slots, sizeof *p->load);
    p->plan = sc_arena_calloc(p->arena, (size_t)p->v.view.node_count + 1, sizeof *p->plan);
    p->full = sc_arena_calloc(p->arena, (size_t)core->n + 1, sizeof *p->full);
    p->bound = sc_arena_calloc(p->arena, (size_t)p->v.view.node_count + 1, sizeof *p->bound);
    if (!p->dual || (p->options->plans && !p->local) || !p->lambda || !p->best_lambda || !p->direction || !p->load ||
        !p->plan || !p->full || !p->bound)
        return SC_NO_MEMORY;
    for (int i = 0; i < p->v.view.node_count; i++)
        if (!(p->bound[i] = sc_arena_calloc(p->arena, (size_t)p->v.view.choices[i], sizeof **p->bound)))
            return SC_NO_MEMORY;
    memcpy(p->lambda, core->lambda, slots * sizeof *p->lambda);
    memcpy(p->best_lambda, core->lambda, slots * sizeof *p->lambda);
    p->best = -INFINITY;
    p->round_steps = p->since = p->next_plan = 0;
    sc_dual_price(p->dual, p->lambda);
    return SC_OK;
}

static void close_round(struct price *p)
{
    sc_local_free(p->local);
    sc_dual_free(p->dual);
    sc_core_view_free(&p->v);
    sc_arena_free(p->arena);
    p->local = NULL;
    p->dual = NULL;
    p->arena = NULL;
}

static void make_plan(struct price *p)
{
    sc_dual_decode(p->dual, p->plan);
    for (int i = 0; i < p->v.view.node_count; i++)
        p->full[p->v.nodes[i]] = p->plan[i];
    sc_local_set(p->local, p->full);
    if (!sc_local_fits(p->local) && !sc_local_repair(p->local))
        return;
    sc_local_improve(p->local, true);
    if (p->local->cost < *p->cutoff && sc_local_fits(p->local))
        *p->cutoff = fmin(*p->cutoff, p->sink->offer(p->sink->user, p->local->plan));
}

/* One step of the subgradient: decoded loads against rooms. It aims a little above the best bound, not at the cost of
 * a plan that may be poor: the core's `reach` is that little, larger after progress and smaller after none. */
static void move_prices(struct price *p, double bound)
{
    struct sc_core *core = p->core;
    double norm = 0, target = p->best + core->reach;
    target = fmin(target, *p->cutoff - core->constant);
    sc_dual_decode(p->dual, p->plan);
    for (int i = 0; i < p->v.view.node_count; i++)
        p->full[p->v.nodes[i]] = p->plan[i];
    sc_core_loads(core, p->full, p->load);
    for (int t = 0; t < core->slot_count; t++) {
        double over = p->load[t] - core->room[t];
        if (p->lambda[t] == 0 && over < 0)
            over = 0;
        p->direction[t] = 0.7 * p->direction[t] + 0.3 * over;
        norm += p->direction[t] * p->direction[t];
    }
    if (norm <= 0)
        return;
    double length = fmin(fmax(target - bound, 1), 2 * core->reach) / norm;
    for (int t = 0; t < core->slot_count; t++)
        p->lambda[t] = fmax(0, p->lambda[t] + length * p->direction[t]);
    sc_dual_price(p->dual, p->lambda);
}

/* How many choices exceed the cutoff by the present messages. */
static long over_cutoff(struct price *p, double most)
{
    long over = 0;
    sc_dual_choice_bounds(p->dual, p->bound);
    for (int i = 0; i < p->v.view.node_count; i++)
        for (int c = 0; c < p->v.view.choices[i]; c++)
            over += p->bound[i][c] > most;
    return over;
}

static long choices_left(const struct price *p)
{
    long left = 0;
    for (int i = 0; i < p->v.view.node_count; i++)
        left += p->v.view.choices[i];
    return left;
}

/* Returns true when the core was changed, so that a new round begins. */
static bool fix(struct price *p, bool any)
{
    struct sc_core *core = p->core;
    double most = *p->cutoff - core->grain - core->constant;
    if (*p->cutoff == INFINITY)
        return false;
    long over = over_cutoff(p, most);
    if (over == 0 || (!any && over < choices_left(p) / 50 + 1))
        return false;
    memcpy(core->lambda, p->best_lambda, (size_t)core->slot_count * sizeof *core->lambda);
    sc_dual_store(p->dual, core, &p->v, most, p->bound);
    close_round(p);
    sc_core_reduce(core);
    return true;
}

/* Price steps until the core can be reduced (*again), or progress ends. */
static enum sc_status run_round(struct price *p, int *steps, bool *again)
{
    struct sc_core *core = p->core;
    *again = false;
    for (;; ++*steps, p->round_steps++) {
        int passes = p->round_steps == 0 ? FIRST_PASSES : PASSES;
        for (int i = 0; i < passes; i++)
            if (!sc_dual_pass(p->dual))
                return SC_CANCELLED;
        double bound = sc_dual_bound(p->dual);
        if (bound > p->best) {
            double gap = fmin(*p->cutoff - core->constant - bound, fabs(bound));
            p->since = bound - p->best > 1e-4 * gap ? 0 : p->since + 1;
            p->best = bound;
            memcpy(p->best_lambda, p->lambda, (size_t)core->slot_count * sizeof *p->lambda);
            if (core->reach == 0)
                core->reach = 0.1 * fabs(bound + core->constant) + 1;
            else if (*steps == 0 && *p->cutoff < INFINITY) /* begin again with courage */
                core->reach = fmax(core->reach, 0.1 * (*p->cutoff - core->constant - bound));
            else if (p->since == 0)
                core->reach *= 1.1;
            core->reach = fmin(core->reach, fmax(*p->cutoff - core->constant - bound, 1));
            p->sink->bound(p->sink->user, bound + core->constant);
        } else {
            p->since++;
        }
        if (bound + core->constant > *p->cutoff - core->grain) {
            core->infeasible = true;
            return SC_OK;
        }
        if (p->local && p->round_steps >= p->next_plan) {
            make_plan(p);
            /* a plan that needs much repair is dear and poor: then later */
            long wait = PLAN_EVERY + p->local->moves / MOVES_A_STEP;
            p->next_plan = p->round_steps + (int)(wait < LONGEST_WAIT ? wait : LONGEST_WAIT);
        }
        if (p->sink->stop(p->sink->user))
            return SC_OK;
        bool last = p->since >= p->options->stall || (p->options->steps && *steps >= p->options->steps);
        if ((p->round_steps % FIX_EVERY == FIX_EVERY - 1 || last) && fix(p, last)) {
            *again = true;
            ++*steps;
            return SC_OK;
        }
        if (last)
            break;
        if (p->since > 0 && p->since % BACK_AFTER == 0) {
            memcpy(p->lambda, p->best_lambda, (size_t)core->slot_count * sizeof *p->lambda);
            memset(p->direction, 0, (size_t)core->slot_count * sizeof *p->direction);
            core->reach /= 2;
            sc_dual_price(p->dual, p->lambda);
        } else if (core->slot_count > 0) {
            move_prices(p, bound);
        }
    }
    memcpy(core->lambda, p->best_lambda, (size_t)core->slot_count * sizeof *core->lambda);
    sc_dual_price(p->dual, p->best_lambda);
    sc_dual_choice_bounds(p->dual, p->bound);
    sc_dual_store(p->dual, core, &p->v, INFINITY, p->bound);
    return SC_OK;
}

enum sc_status sc_core_price(struct sc_core *core, double *cutoff, const struct sc_core_sink *sink,
                             const struct sc_price_options *options)
{
    struct price p = {.core = core, .sink = sink, .options = options, .cutoff = cutoff};
    enum sc_status status = SC_OK;
    int steps = 0;
    for (bool again = true; status == SC_OK && again;) {
        if (core->infeasible || core->no_memory || core->alive == 0)
            break;
        status = open_round(&p);
        if (status == SC_OK)
            status = run_round(&p, &steps, &again);
        close_round(&p);
    }
    return core->no_memory ? SC_NO_MEMORY : status;
}
