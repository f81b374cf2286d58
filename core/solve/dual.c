/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * dual: sequential reweighted message passing (TRW-S, Kolmogorov 2006, in the form of SRMP, Kolmogorov 2015).
 *
 * Costs move between nodes and the tables of their edges and never change the cost of a plan; what is the least of a
 * node moves into the constant, which is a lower bound of all plans, since nothing that is left is negative. A node
 * pulls from the tables of the neighbours before it all that it can, and hands equal parts of what it has then to the
 * tables of the neighbours after it; then the same backwards. All amounts are whole numbers, so that the bound is a
 * proof. A price lambda on a slot adds lambda × usage to the nodes and takes lambda × room from the bound (Lagrangian
 * relaxation); prices are rounded down and the credit up.
 */
#include "solve/dual.h"
#include "solve/kernel.h"

#include <math.h>
#include <string.h>

static const double downwards = 1 - 1e-14, upwards = 1 + 1e-12; /* cover the rounding of a product, of long sums */

static bool make_edges(struct sc_dual *d)
{
    const struct sc_view *v = d->view;
    d->edge = sc_arena_calloc(d->arena, (size_t)v->edge_count + 1, sizeof *d->edge);
    d->first = sc_arena_calloc(d->arena, (size_t)d->n + 2, sizeof *d->first);
    d->later = sc_arena_calloc(d->arena, (size_t)d->n + 1, sizeof *d->later);
    d->incident = sc_arena_calloc(d->arena, 2 * (size_t)v->edge_count + 1, sizeof *d->incident);
    if (!d->edge || !d->first || !d->later || !d->incident)
        return false;
    for (int i = 0; i < v->edge_count; i++) {
        const struct sc_view_edge *e = &v->edges[i];
        int rows = v->choices[e->from], cols = v->choices[e->to];
        bool turned = e->from > e->to;
        struct sc_dual_edge *out = &d->edge[i];
        *out = (struct sc_dual_edge){turned ? e->to : e->from,
                                     turned ? e->from : e->to,
                                     turned ? cols : rows,
                                     turned ? rows : cols,
                                     e->table,
                                     NULL,
                                     NULL};
        if (turned || e->row_stride != cols) {
            double *copy = sc_arena_calloc(d->arena, (size_t)rows * (size_t)cols, sizeof *copy);
            if (!copy)
                return false;
            for (int r = 0; r < rows; r++)
                for (int c = 0; c < cols; c++)
                    copy[turned ? (size_t)c * (size_t)rows + (size_t)r : (size_t)r * (size_t)cols + (size_t)c] =
                        e->table[(size_t)r * (size_t)e->row_stride + (size_t)c];
            out->at = copy;
        }
        out->nu = sc_arena_calloc(d->arena, (size_t)out->rows, sizeof *out->nu);
        out->nv = sc_arena_calloc(d->arena, (size_t)out->cols, sizeof *out->nv);
        if (!out->nu || !out->nv)
            return false;
        d->first[out->u + 1]++;
        d->first[out->v + 1]++;
        d->later[out->v]++; /* first a count of earlier neighbours */
    }
    for (int i = 0; i < d->n; i++) {
        d->first[i + 1] += d->first[i];
        d->later[i] += d->first[i];
    }
    int *early = sc_arena_copy(d->arena, d->first, ((size_t)d->n + 1) * sizeof *early);
    int *late = sc_arena_copy(d->arena, d->later, ((size_t)d->n + 1) * sizeof *late);
    if (!early || !late)
        return false;
    for (int i = 0; i < v->edge_count; i++) {
        d->incident[late[d->edge[i].u]++] = i;
        d->incident[early[d->edge[i].v]++] = i;
    }
    return true;
}

static bool make_terms(struct sc_dual *d)
{
    const struct sc_view *v = d->view;
    d->first_term = sc_arena_calloc(d->arena, (size_t)d->n + 2, sizeof *d->first_term);
    d->term = sc_arena_calloc(d->arena, (size_t)v->term_count + 1, sizeof *d->term);
    d->lambda = sc_arena_calloc(d->arena, (size_t)v->slot_count + 1, sizeof *d->lambda);
    d->prefix = sc_arena_calloc(d->arena, (size_t)v->slot_count + 1, sizeof *d->prefix);
    if (!d->first_term || !d->term || !d->lambda || !d->prefix)
        return false;
    for (int u = 0; u < v->term_count; u++)
        d->first_term[v->terms[u].node + 2]++;
    for (int i = 2; i < d->n + 2; i++)
        d->first_term[i] += d->first_term[i - 1];
    for (int u = 0; u < v->term_count; u++)
        d->term[d->first_term[v->terms[u].node + 1]++] = u;
    return true;
}

struct sc_dual *sc_dual_new(const struct sc_view *view, struct sc_cancel *cancel)
{
    struct sc_dual *d = sc_alloc(sizeof *d);
    if (!d)
        return NULL;
    d->view = view;
    d->cancel = cancel;
    d->n = view->node_count;
    d->arena = sc_arena_new();
    bool ok = d->arena != NULL;
    int widest = 1;
    if (ok) {
        d->theta = sc_arena_calloc(d->arena, (size_t)d->n + 1, sizeof *d->theta);
        d->price = sc_arena_calloc(d->arena, (size_t)d->n + 1, sizeof *d->price);
        ok = d->theta && d->price && make_edges(d) && make_terms(d);
    }
    for (int i = 0; ok && i < d->n; i++) {
        size_t k = (size_t)view->choices[i];
        widest = view->choices[i] > widest ? view->choices[i] : widest;
        d->theta[i] = sc_arena_copy(d->arena, view->cost[i], k * sizeof **d->theta);
        d->price[i] = sc_arena_calloc(d->arena, k, sizeof **d->price);
        ok = d->theta[i] && d->price[i];
    }
    d->row = ok ? sc_arena_calloc(d->arena, 2 * (size_t)widest, sizeof *d->row) : NULL;
    if (!d->row) {
        sc_dual_free(d);
        return NULL;
    }
    return d;
}

void sc_dual_free(struct sc_dual *d)
{
    if (!d)
        return;
    sc_arena_free(d->arena);
    sc_free(d);
}

void sc_dual_price(struct sc_dual *d, const double *lambda)
{
    const struct sc_view *v = d->view;
    double credit = 0;
    /* On a grid, so that sums of prices are exact. */
    double most = 0;
    for (int t = 0; t < v->slot_count; t++)
        most += lambda[t];
    double grid = most > 0 ? exp2(ceil(log2(most)) - 50) : 1;
    for (int t = 0; t < v->slot_count; t++) {
        d->lambda[t] = floor(lambda[t] / grid) * grid;
        d->prefix[t + 1] = d->prefix[t] + d->lambda[t];
        credit += d->lambda[t] * v->room[t];
    }
    d->credit = ceil(credit * upwards);
    for (int i = 0; i < d->n; i++) {
        int k = v->choices[i];
        if (d->first_term[i] == d->first_term[i + 1])
            continue;
        memset(d->row, 0, (size_t)k * sizeof *d->row);
        for (int j = d->first_term[i]; j < d->first_term[i + 1]; j++) {
            const struct sc_view_term *term = &v->terms[d->term[j]];
            double price = (d->prefix[term->end] - d->prefix[term->begin]) * downwards;
            for (int c = 0; c < k; c++)
                d->row[c] += price * term->usage[c];
        }
        for (int c = 0; c < k; c++) {
            double whole = floor(d->row[c] * downwards);
            d->theta[i][c] += whole - d->price[i][c];
            d->price[i][c] = whole;
        }
    }
}

/* Take all that an edge can give to one of its ends. */
static void pull(struct sc_dual *d, struct sc_dual_edge *e, bool to_u)
{
    int k = to_u ? e->rows : e->cols;
    double *out = d->row, *zero = d->row + k, *theta = d->theta[to_u ? e->u : e->v], *own = to_u ? e->nu : e->nv;
    for (int c = 0; c < k; c++)
        out[c] = INFINITY;
    if (to_u) {
        memset(zero, 0, (size_t)k * sizeof *zero);
        sc_kernel_reduce(out, 1, e->rows, e->cols, zero, e->at, e->cols, e->nv, 0);
    } else {
        sc_kernel_min(out, 0, e->rows, e->cols, e->nu, e->at, e->cols, NULL, 0);
    }
    for (int c = 0; c < k; c++) {
        theta[c] += out[c] + own[c];
        own[c] = -out[c];
    }
}

static void give(struct sc_dual *d, struct sc_dual_edge *e, int node, double share)
{
    double *theta = d->theta[node], *own = e->u == node ? e->nu : e->nv;
    int k = e->u == node ? e->rows : e->cols;
    (void)k;
    for (int c = 0; c < k; c++)
        own[c] += d->row[c] * share == INFINITY ? 0 : floor(d->row[c] * share);
    for (int c = 0; c < k; c++)
        theta[c] -= d->row[c] * share == INFINITY ? 0 : floor(d->row[c] * share);
}

static void settle(struct sc_dual *d, int i)
{
    int k = d->view->choices[i];
    double least = sc_kernel_least(d->theta[i], (size_t)k);
    if (least == 0 || least == INFINITY)
        return;
    d->constant += least;
    for (int c = 0; c < k; c++)
        d->theta[i][c] -= least;
}

static void visit(struct sc_dual *d, int i, bool forward)
{
    int begin = d->first[i], middle = d->later[i], end = d->first[i + 1];
    int from = forward ? begin : middle, to = forward ? middle : end;
    for (int j = from; j < to; j++)
        pull(d, &d->edge[d->incident[j]], !forward);
    settle(d, i);
    from = forward ? middle : begin;
    to = forward ? end : middle;
    if (from == to)
        return;
    int ahead = to - from, behind = end - begin - ahead;
    double share = 1.0 / (ahead > behind ? ahead : behind);
    memcpy(d->row, d->theta[i], (size_t)d->view->choices[i] * sizeof *d->row);
    for (int j = from; j < to; j++)
        give(d, &d->edge[d->incident[j]], i, share);
}

bool sc_dual_pass(struct sc_dual *d)
{
    for (int i = 0; i < d->n; i++) {
        visit(d, i, true);
        if ((i & 255) == 255 && sc_cancel_work(d->cancel, 256))
            return false;
    }
    for (int i = d->n - 1; i >= 0; i--) {
        visit(d, i, false);
        if ((i & 255) == 255 && sc_cancel_work(d->cancel, 256))
            return false;
    }
    return true;
}

double sc_dual_bound(const struct sc_dual *d)
{
    double bound = d->constant - d->credit;
    for (int i = 0; i < d->n; i++)
        bound += sc_kernel_least(d->theta[i], (size_t)d->view->choices[i]);
    return bound;
}

static double rest(const struct sc_dual_edge *e, int p, int q)
{
    return e->at[(size_t)p * (size_t)e->cols + (size_t)q] + e->nu[p] + e->nv[q];
}

void sc_dual_decode(const struct sc_dual *d, int *plan)
{
    for (int i = 0; i < d->n; i++) {
        int k = d->view->choices[i];
        double best = INFINITY;
        plan[i] = 0;
        memcpy(d->row, d->theta[i], (size_t)k * sizeof *d->row);
        for (int j = d->first[i]; j < d->later[i]; j++) {
            const struct sc_dual_edge *e = &d->edge[d->incident[j]];
            for (int c = 0; c < k; c++)
                d->row[c] += rest(e, plan[e->u], c);
        }
        for (int c = 0; c < k; c++)
            if (d->row[c] < best) {
                best = d->row[c];
                plan[i] = c;
            }
    }
}

void sc_dual_choice_bounds(struct sc_dual *d, double *const *bound)
{
    for (int i = 0; i < d->n; i++)
        settle(d, i);
    double constant = d->constant - d->credit;
    for (int i = 0; i < d->n; i++)
        for (int c = 0; c < d->view->choices[i]; c++)
            bound[i][c] = constant + d->theta[i][c];
    for (int x = 0; x < d->view->edge_count; x++) {
        const struct sc_dual_edge *e = &d->edge[x];
        double *of_v = d->row; /* least over the choices of u */
        for (int q = 0; q < e->cols; q++)
            of_v[q] = INFINITY;
        for (int p = 0; p < e->rows; p++) {
            double least = INFINITY, *of_u = &bound[e->u][p];
            for (int q = 0; q < e->cols; q++) {
                double left = rest(e, p, q);
                double with_v = left + d->theta[e->v][q], with_u = left + d->theta[e->u][p];
                least = with_v < least ? with_v : least;
                of_v[q] = with_u < of_v[q] ? with_u : of_v[q];
            }
            *of_u += least;
        }
        for (int q = 0; q < e->cols; q++)
            bound[e->v][q] += of_v[q];
    }
}

long sc_dual_store(struct sc_dual *d, struct sc_core *core, const struct sc_core_view *view, double most,
                   double *const *bound)
{
    long gone = 0;
    double constant = d->constant - d->credit;
    int next = 0;
    core->constant += d->constant;
    for (size_t i = 0; i < core->edges.count; i++) {
        struct sc_core_edge *core_edge = &core->edges.data[i];
        if (!core_edge->at)
            continue;
        const struct sc_dual_edge *e = &d->edge[next++]; /* views list edges in the core's order */
        bool turned = view->nodes[e->u] != core_edge->u;
        core_edge->settled = false;
        for (int p = 0; p < e->rows; p++)
            for (int q = 0; q < e->cols; q++) {
                double left = rest(e, p, q);
                if (left < INFINITY && constant + left + d->theta[e->u][p] + d->theta[e->v][q] > most) {
                    left = INFINITY;
                    gone++;
                }
                core_edge
                    ->at[turned ? (size_t)q * (size_t)e->rows + (size_t)p : (size_t)p * (size_t)e->cols + (size_t)q] =
                    left;
            }
    }
    for (int i = 0; i < d->n; i++) {
        struct sc_core_node *x = &core->node[view->nodes[i]];
        for (int c = 0; c < x->k; c++) {
            x->cost[c] = d->theta[i][c] - d->price[i][c];
            if (bound[i][c] > most) {
                x->cost[c] = INFINITY;
                gone++;
            }
        }
    }
    return gone;
}
