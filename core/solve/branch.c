/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * branch: depth-first branch and bound. At every node of the tree the core is reduced, eliminated when it became
 * narrow and free of the limit, bounded and cut by prices; then the choices of one graph node are split in two, the
 * cheaper part first.
 */
#include "solve/elim.h"
#include "solve/price.h"
#include "solve/search.h"

#include <math.h>
#include <string.h>

enum { DEEPEST = 400 };
static const double narrow_work = 1 << 21;
static const double largest_copy = 4e6; /* table entries of a core that is worth copying at each branching */

struct branch {
    const struct sc_core_sink *sink;
    double *cutoff;
    long left;
    bool complete;
};

/* A plan of a part is a plan of the core it was cut from. */
struct nested {
    const struct sc_core *core; /* the part */
    const int *nodes;
    const struct sc_core_sink *outer;
    int *choices, *plan; /* of the part; of the outer core */
};

static double offer_nested(void *user, const int *plan)
{
    struct nested *n = user;
    sc_core_expand(n->core, plan, n->choices);
    for (int i = 0; i < n->core->n; i++)
        n->plan[n->nodes[i]] = n->choices[i];
    return n->outer->offer(n->outer->user, n->plan);
}

static void bound_nested(void *user, double bound)
{
    (void)user; /* the bound of a part bounds nothing else */
    (void)bound;
}

static bool stop_nested(void *user)
{
    const struct nested *n = user;
    return n->outer->stop(n->outer->user);
}

static void offer(struct branch *b, const struct sc_core_sink *sink, const int *plan)
{
    *b->cutoff = fmin(*b->cutoff, sink->offer(sink->user, plan));
}

/* Solve what has no limit left by elimination. *done when that was possible. */
static enum sc_status eliminate(struct branch *b, struct sc_core *core, const struct sc_core_sink *sink, bool *done)
{
    struct sc_core_view v;
    bool wide = false;
    *done = false;
    if (core->slot_count > 0)
        return SC_OK;
    if (!sc_core_view_make(core, &v))
        return SC_NO_MEMORY;
    struct sc_elim *elim = sc_elim_new(&v.view, narrow_work, core->cancel, &wide);
    enum sc_status status = elim                         ? sc_elim_run(elim, v.view.cost)
                            : wide                       ? SC_OK
                            : sc_cancelled(core->cancel) ? SC_CANCELLED
                                                         : SC_NO_MEMORY;
    *done = elim && (status == SC_OK || status == SC_INFEASIBLE);
    if (elim && status == SC_OK && elim->total + core->constant <= *b->cutoff - core->grain) {
        int *plan = sc_calloc((size_t)v.view.node_count + 1, sizeof *plan);
        int *full = sc_calloc((size_t)core->n + 1, sizeof *full);
        if (plan && full) {
            sc_elim_plan(elim, plan);
            for (int i = 0; i < v.view.node_count; i++)
                full[v.nodes[i]] = plan[i];
            offer(b, sink, full);
        } else {
            status = SC_NO_MEMORY;
        }
        sc_free(plan);
        sc_free(full);
    }
    sc_elim_free(elim);
    sc_core_view_free(&v);
    return status == SC_INFEASIBLE ? SC_OK : status;
}

/* Reduce, eliminate, bound. *done when nothing is left to branch on. */
static enum sc_status shrink(struct branch *b, struct sc_core *core, const struct sc_core_sink *sink, bool root,
                             bool *done)
{
    const struct sc_price_options options = {.stall = root ? 12 : 3, .steps = root ? 40 : 6, .plans = true};
    enum sc_status status = SC_OK;
    *done = false;
    sc_core_reduce(core);
    if (core->no_memory)
        return SC_NO_MEMORY;
    if (!core->infeasible && core->alive > 0) {
        status = eliminate(b, core, sink, done);
        if (status != SC_OK || *done)
            return status;
        status = sc_core_price(core, b->cutoff, sink, &options);
        if (status != SC_OK)
            return status;
    }
    if (core->infeasible) {
        *done = true;
    } else if (core->alive == 0) {
        int none = 0;
        if (core->constant <= *b->cutoff - core->grain)
            offer(b, sink, &none);
        *done = true;
    } else {
        status = eliminate(b, core, sink, done);
    }
    return status;
}

/* Branch on the node whose choices differ most in cost and matter to most neighbours. */
static int choose(const struct sc_core *core)
{
    double best = -1;
    int node = -1;
    for (int n = 0; n < core->n; n++) {
        const struct sc_core_node *x = &core->node[n];
        if (x->k < 2)
            continue;
        double least = INFINITY, second = INFINITY;
        for (int c = 0; c < x->k; c++) {
            second = fmin(second, fmax(least, x->cost[c]));
            least = fmin(least, x->cost[c]);
        }
        double score = (1 + x->degree + (x->seg_count > 0)) * (1 + (second - least) / core->grain);
        if (score > best) {
            best = score;
            node = n;
        }
    }
    return node;
}

/* The cheaper choices, up to the widest step between two costs in the cheaper half. */
static void cheaper_part(const struct sc_core_node *x, bool *keep)
{
    double below = -INFINITY; /* choices that cost at most this are kept */
    double widest = -1, last = INFINITY, at = -INFINITY;
    for (int c = 0; c < x->k; c++)
        last = fmin(last, x->cost[c]);
    int count = 0;
    for (;;) {
        double next = INFINITY;
        for (int c = 0; c < x->k; c++) {
            count += x->cost[c] == last;
            if (x->cost[c] > last)
                next = fmin(next, x->cost[c]);
        }
        if (next - last > widest) {
            widest = next - last;
            at = last;
        }
        if (next == INFINITY || count > x->k / 2)
            break;
        last = next;
    }
    below = at;
    int kept = 0;
    for (int c = 0; c < x->k; c++)
        kept += keep[c] = x->cost[c] <= below;
    for (int c = x->k - 1; c > 0 && kept == x->k; c--) /* all cost the same: any half */
        if (c >= x->k / 2)
            keep[c] = false;
        else
            break;
}

static double entries(const struct sc_core *core)
{
    double sum = 0;
    for (size_t i = 0; i < core->edges.count; i++)
        if (core->edges.data[i].at)
            sum += (double)core->node[core->edges.data[i].u].k * core->node[core->edges.data[i].v].k;
    return sum;
}

static enum sc_status explore(struct branch *b, struct sc_core *core, const struct sc_core_sink *sink, int depth);

/* A copy of the core; of `node` (-1: none) only with the choices that are kept. */
static enum sc_status explore_part(struct branch *b, const struct sc_core *core, const struct sc_core_sink *sink,
                                   int node, const bool *keep, int depth)
{
    struct nested nested = {.outer = sink};
    struct sc_core_sink inner = {offer_nested, bound_nested, stop_nested, &nested};
    int *nodes = sc_calloc((size_t)core->n + 1, sizeof *nodes);
    struct sc_core *copy = nodes ? sc_core_part(core, NULL, NULL, nodes) : NULL;
    nested.choices = sc_calloc((size_t)core->n + 1, sizeof *nested.choices);
    nested.plan = sc_calloc((size_t)core->n + 1, sizeof *nested.plan);
    enum sc_status status = SC_NO_MEMORY;
    if (copy && nested.choices && nested.plan) {
        nested.core = copy;
        nested.nodes = nodes;
        for (int i = 0; i < copy->n; i++)
            if (nodes[i] == node)
                sc_core_keep(copy, i, keep);
        status = copy->no_memory ? SC_NO_MEMORY : explore(b, copy, &inner, depth + 1);
    }
    sc_core_free(copy);
    sc_free(nodes);
    sc_free(nested.choices);
    sc_free(nested.plan);
    return status;
}

/* The cheaper part is explored in a copy, the dearer part in the core itself: so the stack holds one copy a level. */
static enum sc_status explore(struct branch *b, struct sc_core *core, const struct sc_core_sink *sink, int depth)
{
    for (bool root = depth == 0;; root = false) {
        bool done;
        enum sc_status status = shrink(b, core, sink, root, &done);
        if (status != SC_OK || done)
            return status;
        if (b->left-- <= 0 || depth >= DEEPEST || entries(core) > largest_copy || sink->stop(sink->user)) {
            b->complete = false;
            return SC_OK;
        }
        int node = choose(core);
        if (node < 0)
            return SC_OK;
        bool *keep = sc_calloc((size_t)core->node[node].k, sizeof *keep);
        if (!keep)
            return SC_NO_MEMORY;
        cheaper_part(&core->node[node], keep);
        status = explore_part(b, core, sink, node, keep, depth);
        for (int c = 0; c < core->node[node].k; c++)
            keep[c] = !keep[c];
        if (status == SC_OK && b->complete)
            sc_core_keep(core, node, keep);
        sc_free(keep);
        if (status != SC_OK || !b->complete)
            return core->no_memory ? SC_NO_MEMORY : status;
    }
}

enum sc_status sc_core_branch(struct sc_core *core, double *cutoff, const struct sc_core_sink *sink, long nodes,
                              bool *complete)
{
    struct branch b = {.sink = sink, .cutoff = cutoff, .left = nodes, .complete = true};
    enum sc_status status = explore(&b, core, sink, 0);
    *complete = status == SC_OK && b.complete;
    return status;
}

enum sc_status sc_core_branch_copy(const struct sc_core *core, double *cutoff, const struct sc_core_sink *sink,
                                   long nodes, bool *complete)
{
    struct branch b = {.sink = sink, .cutoff = cutoff, .left = nodes, .complete = true};
    enum sc_status status = explore_part(&b, core, sink, -1, NULL, -1);
    *complete = status == SC_OK && b.complete;
    return status;
}
