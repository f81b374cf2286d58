/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * ilp: mixed-integer programs on GLPK. The only file that knows it.
 *
 * Two models of the same problem, s(n,c) = 1 when node n takes choice c, e(p,q) = 1 when an edge's ends take p and q:
 *   Alpa (OSDI 2022, section 4.2 and its playground): sum_c s = 1, sum e = 1, sum_q e(p,q) <= s(p), e binary;
 *   local polytope (Schlesinger 1976; Werner 2007): sum_q e(p,q) = s(p), e continuous: far tighter.
 * Usage rows, one for each time, are added where a solution breaks them. GLPK keeps its state per thread, aborts on
 * errors unless trapped, and does not call back inside a linear program; so runs are trapped in one function, which
 * frees the environment, and the simplex method runs in short slices.
 */
#include "solve/rungs.h"

#include <glpk.h>
#include <math.h>
#include <setjmp.h>
#include <string.h>

enum { MOST_ENTRIES = 60 * 1000 * 1000, SLICE_MS = 30, FIRST_SLICE = 20 };
static const double integral = 1e-6, violated = 1e-6; /* GLPK itself keeps rows to 1e-7 */

struct ilp {
    const struct sc_view *view;
    enum sc_ilp_rows rows;
    double cutoff, scale, shift; /* GLPK minimises (cost - shift) * scale */
    struct sc_cancel *cancel;
    void (*incumbent)(void *user, const int *choices, double bound);
    void *user;
    struct sc_ilp_result *result;
    glp_prob *lp;
    int *first; /* column of s(n,0); the column of s(n,c) is column[first[n] + c], 0 when forbidden */
    int *column;
    int columns, node_columns, row_count;
    int *row, *col; /* triplets, from 1 */
    double *value;
    int entries;
    double *load;   /* a slot each, one more at the end */
    int *row_index; /* scratch for one row */
    double *row_value, *sum;
    jmp_buf trap;
};

/* ---- building -------------------------------------------------------------------------------------- */

static double edge_cost(const struct sc_view_edge *edge, int p, int q)
{
    return edge->table[(size_t)p * (size_t)edge->row_stride + (size_t)q];
}

/* Sizes first: how many columns and entries, and the largest cost. False when too large. */
static bool measure(struct ilp *m, double *largest)
{
    const struct sc_view *v = m->view;
    double columns = 0, entries = 0;
    *largest = 0;
    for (int n = 0; n < v->node_count; n++)
        for (int c = 0; c < v->choices[n]; c++)
            if (v->cost[n][c] < INFINITY) {
                columns++;
                entries++;
                *largest = fmax(*largest, fabs(v->cost[n][c]));
            }
    for (int e = 0; e < v->edge_count; e++) {
        int rows = v->choices[v->edges[e].from], cols = v->choices[v->edges[e].to];
        entries += rows + cols;
        for (int p = 0; p < rows; p++)
            for (int q = 0; q < cols; q++) {
                double cost = edge_cost(&v->edges[e], p, q);
                if (cost < INFINITY) {
                    columns++;
                    entries += 3;
                    *largest = fmax(*largest, fabs(cost));
                }
            }
    }
    m->entries = (int)fmin(entries, MOST_ENTRIES + 1.0);
    return entries <= MOST_ENTRIES;
}

static bool reserve(struct ilp *m)
{
    const struct sc_view *v = m->view;
    size_t total = 0;
    for (int n = 0; n < v->node_count; n++)
        total += (size_t)v->choices[n];
    m->first = sc_calloc((size_t)v->node_count + 1, sizeof *m->first);
    m->column = sc_calloc(total + 1, sizeof *m->column);
    m->row = sc_calloc((size_t)m->entries + 1, sizeof *m->row);
    m->col = sc_calloc((size_t)m->entries + 1, sizeof *m->col);
    m->value = sc_calloc((size_t)m->entries + 1, sizeof *m->value);
    m->load = sc_calloc((size_t)v->slot_count + 1, sizeof *m->load);
    m->row_index = sc_calloc(total + 1, sizeof *m->row_index);
    m->row_value = sc_calloc(total + 1, sizeof *m->row_value);
    m->sum = sc_calloc(total + 1, sizeof *m->sum);
    return m->first && m->column && m->row && m->col && m->value && m->load && m->row_index && m->row_value && m->sum;
}

static void release(struct ilp *m)
{
    sc_free(m->first);
    sc_free(m->column);
    sc_free(m->row);
    sc_free(m->col);
    sc_free(m->value);
    sc_free(m->load);
    sc_free(m->row_index);
    sc_free(m->row_value);
    sc_free(m->sum);
}

static void entry(struct ilp *m, int row, int col, double value)
{
    m->entries++;
    m->row[m->entries] = row;
    m->col[m->entries] = col;
    m->value[m->entries] = value;
}

static int add_column(struct ilp *m, double cost, bool binary)
{
    m->columns++;
    glp_set_obj_coef(m->lp, m->columns, cost * m->scale);
    if (binary)
        glp_set_col_kind(m->lp, m->columns, GLP_BV);
    else
        glp_set_col_bnds(m->lp, m->columns, GLP_LO, 0, 0);
    return m->columns;
}

static int add_row(struct ilp *m, int type, double bound)
{
    m->row_count++;
    glp_set_row_bnds(m->lp, m->row_count, type, bound, bound);
    return m->row_count;
}

static void count_size(const struct ilp *m, int *columns, int *rows)
{
    const struct sc_view *v = m->view;
    *columns = 0;
    *rows = v->node_count;
    for (int n = 0; n < v->node_count; n++)
        for (int c = 0; c < v->choices[n]; c++)
            *columns += v->cost[n][c] < INFINITY;
    for (int e = 0; e < v->edge_count; e++) {
        int k = v->choices[v->edges[e].from], l = v->choices[v->edges[e].to];
        *rows += k + l + (m->rows == SC_ILP_ALPA);
        for (int p = 0; p < k; p++)
            for (int q = 0; q < l; q++)
                *columns += edge_cost(&v->edges[e], p, q) < INFINITY;
    }
}

static int node_column(const struct ilp *m, int node, int choice)
{
    return m->column[m->first[node] + choice];
}

static void add_edge(struct ilp *m, const struct sc_view_edge *edge)
{
    const struct sc_view *v = m->view;
    int k = v->choices[edge->from], l = v->choices[edge->to];
    bool alpa = m->rows == SC_ILP_ALPA;
    int type = alpa ? GLP_UP : GLP_FX, base = m->row_count;
    for (int i = 0; i < k + l; i++) {
        int col = i < k ? node_column(m, edge->from, i) : node_column(m, edge->to, i - k);
        int row = add_row(m, type, 0);
        if (col)
            entry(m, row, col, -1);
    }
    int one = alpa ? add_row(m, GLP_FX, 1) : 0;
    for (int p = 0; p < k; p++)
        for (int q = 0; q < l; q++) {
            double cost = edge_cost(edge, p, q);
            if (cost == INFINITY)
                continue;
            int col = add_column(m, cost, alpa);
            entry(m, base + 1 + p, col, 1);
            entry(m, base + 1 + k + q, col, 1);
            if (alpa)
                entry(m, one, col, 1);
        }
}

/* False when cancelled. */
static bool build(struct ilp *m)
{
    const struct sc_view *v = m->view;
    int columns, rows, next = 0;
    m->lp = glp_create_prob();
    glp_set_obj_dir(m->lp, GLP_MIN);
    count_size(m, &columns, &rows);
    glp_add_rows(m->lp, rows);
    if (columns)
        glp_add_cols(m->lp, columns);
    m->entries = 0;
    for (int n = 0; n < v->node_count; n++) {
        int row = add_row(m, GLP_FX, 1);
        m->first[n] = next;
        for (int c = 0; c < v->choices[n]; c++, next++)
            if (v->cost[n][c] < INFINITY) {
                m->column[next] = add_column(m, v->cost[n][c], true);
                entry(m, row, m->column[next], 1);
            }
    }
    m->node_columns = m->columns;
    for (int e = 0; e < v->edge_count; e++) {
        add_edge(m, &v->edges[e]);
        if (sc_cancel_work(m->cancel, 1))
            return false;
    }
    glp_set_obj_coef(m->lp, 0, -m->shift * m->scale);
    glp_load_matrix(m->lp, m->entries, m->row, m->col, m->value);
    return !sc_cancelled(m->cancel);
}

/* ---- usage rows ------------------------------------------------------------------------------------ */

static double primal(const struct ilp *m, glp_prob *lp, int node, int choice)
{
    int col = node_column(m, node, choice);
    return col ? glp_get_col_prim(lp, col) : 0;
}

/* Loads of the present solution; *whole tells whether it is integral (then loads are of the rounded solution). */
static void find_loads(struct ilp *m, glp_prob *lp, bool *whole)
{
    const struct sc_view *v = m->view;
    *whole = true;
    for (int n = 0; n < v->node_count && *whole; n++)
        for (int c = 0; c < v->choices[n] && *whole; c++) {
            double s = primal(m, lp, n, c);
            *whole = s < integral || s > 1 - integral;
        }
    memset(m->load, 0, ((size_t)v->slot_count + 1) * sizeof *m->load);
    for (int u = 0; u < v->term_count; u++) {
        const struct sc_view_term *term = &v->terms[u];
        double used = 0;
        for (int c = 0; c < v->choices[term->node]; c++) {
            double s = primal(m, lp, term->node, c);
            used += term->usage[c] * (*whole ? round(s) : s);
        }
        m->load[term->begin] += used;
        m->load[term->end] -= used;
    }
    for (int t = 1; t < v->slot_count; t++)
        m->load[t] += m->load[t - 1];
}

/* The usage row of a slot, scaled to a right side of 1; or, when `cover`, a row that cuts off just the rounded
 * solution, for a solution that breaks the limit by less than GLPK's tolerance. */
static void add_usage_row(struct ilp *m, glp_prob *lp, int slot, bool cover)
{
    const struct sc_view *v = m->view;
    double room = v->room[slot] > 0 ? v->room[slot] : 1;
    double bound = v->room[slot] > 0 ? 1 : 0;
    int length = 0;
    double *sum = m->sum;
    memset(sum, 0, ((size_t)m->node_columns + 1) * sizeof *sum);
    for (int u = 0; u < v->term_count; u++) {
        const struct sc_view_term *term = &v->terms[u];
        if (slot < term->begin || slot >= term->end)
            continue;
        for (int c = 0; c < v->choices[term->node]; c++) {
            int col = node_column(m, term->node, c);
            if (!col || term->usage[c] == 0)
                continue;
            if (cover) {
                if (glp_get_col_prim(lp, col) > 0.5)
                    sum[col] = 1;
            } else {
                sum[col] += term->usage[c] / room;
            }
        }
    }
    for (int col = 1; col <= m->node_columns; col++)
        if (sum[col] != 0) {
            m->row_index[++length] = col;
            m->row_value[length] = sum[col];
        }
    int row = glp_add_rows(lp, 1);
    glp_set_mat_row(lp, row, length, m->row_index, m->row_value);
    glp_set_row_bnds(lp, row, GLP_UP, 0, cover ? length - 1 : bound);
}

/* Add the row of the worst time of every stretch of times that the present solution overloads. Returns how many. GLPK
 * keeps an added row only below the node where it was added, so it may have to be added again elsewhere. */
static int add_violated(struct ilp *m, glp_prob *lp)
{
    const struct sc_view *v = m->view;
    bool whole;
    int added = 0;
    if (v->slot_count == 0)
        return 0;
    find_loads(m, lp, &whole);
    for (int t = 0; t < v->slot_count; t++) {
        int worst = -1;
        for (; t < v->slot_count && m->load[t] - v->room[t] > (whole ? 0 : violated * fmax(v->room[t], 1)); t++)
            if (worst < 0 || m->load[t] - v->room[t] > m->load[worst] - v->room[worst])
                worst = t;
        if (worst >= 0) {
            double over = m->load[worst] - v->room[worst];
            add_usage_row(m, lp, worst, whole && over <= 10 * violated * fmax(v->room[worst], 1));
            added++;
        }
    }
    return added;
}

/* ---- solving --------------------------------------------------------------------------------------- */

static double unscaled(const struct ilp *m, double objective)
{
    return objective / m->scale + m->shift;
}

/* The linear program, in slices of about SLICE_MS. False when cancelled. *end is a GLPK status. */
static bool solve_lp(struct ilp *m, int *end)
{
    glp_smcp slice;
    glp_init_smcp(&slice);
    slice.msg_lev = GLP_MSG_OFF;
    slice.meth = GLP_DUALP;
    slice.it_lim = FIRST_SLICE;
    for (;;) {
        double start = sc_now();
        int code = glp_simplex(m->lp, &slice);
        if (sc_cancel_work(m->cancel, (uint64_t)slice.it_lim))
            return false;
        if (code != GLP_EITLIM) {
            *end = glp_get_status(m->lp);
            if (code == GLP_ESING || code == GLP_ECOND || code == GLP_EBADB) {
                glp_std_basis(m->lp);
                code = glp_simplex(m->lp, &slice);
                *end = glp_get_status(m->lp);
            }
            if (code == 0)
                return true;
            if (code != GLP_EITLIM) {
                *end = GLP_UNDEF;
                return true;
            }
        }
        double ms = (sc_now() - start) * 1e3;
        if (ms < SLICE_MS / 2.0)
            slice.it_lim *= 2;
        else if (ms > SLICE_MS && slice.it_lim > 1)
            slice.it_lim /= 2;
    }
}

static void decode(struct ilp *m, glp_prob *lp)
{
    const struct sc_view *v = m->view;
    for (int n = 0; n < v->node_count; n++) {
        double best = -1;
        for (int c = 0; c < v->choices[n]; c++) {
            int col = node_column(m, n, c);
            if (col && glp_get_col_prim(lp, col) > best) {
                best = glp_get_col_prim(lp, col);
                m->result->choices[n] = c;
            }
        }
    }
    m->result->found = true;
    if (m->incumbent)
        m->incumbent(m->user, m->result->choices, m->result->bound);
}

static void update_bound(struct ilp *m, glp_tree *tree)
{
    int best = glp_ios_best_node(tree);
    if (best)
        m->result->bound = fmax(m->result->bound, unscaled(m, glp_ios_node_bound(tree, best)));
}

static void watch(glp_tree *tree, void *info)
{
    struct ilp *m = info;
    if (sc_cancel_work(m->cancel, 1)) {
        glp_ios_terminate(tree);
        return;
    }
    switch (glp_ios_reason(tree)) {
    case GLP_ISELECT:
        update_bound(m, tree);
        if (m->result->bound >= m->cutoff) {
            m->result->end = SC_ILP_NONE;
            glp_ios_terminate(tree);
        } else {
            glp_ios_select_node(tree, glp_ios_best_node(tree));
        }
        break;
    case GLP_IROWGEN:
        add_violated(m, glp_ios_get_prob(tree));
        break;
    case GLP_IBINGO:
        update_bound(m, tree);
        decode(m, glp_ios_get_prob(tree));
        break;
    default:
        break;
    }
}

static void branch_and_bound(struct ilp *m)
{
    glp_iocp options;
    glp_init_iocp(&options);
    options.msg_lev = GLP_MSG_OFF;
    options.br_tech = GLP_BR_DTH;
    options.bt_tech = GLP_BT_BLB;
    options.sr_heur = GLP_OFF; /* it rounds without asking for usage rows */
    options.cb_func = watch;
    options.cb_info = m;
    m->result->end = SC_ILP_STOPPED;
    int code = glp_intopt(m->lp, &options);
    int status = glp_mip_status(m->lp);
    if (code != 0 || m->result->end == SC_ILP_NONE)
        return;
    if (status == GLP_OPT && m->result->found)
        m->result->end = SC_ILP_OPTIMAL;
    else if (status == GLP_NOFEAS || status == GLP_UNDEF)
        m->result->end = SC_ILP_NONE;
}

static void solve(struct ilp *m)
{
    int end;
    if (!build(m))
        return;
    glp_std_basis(m->lp); /* dual feasible when costs are not negative; entries need no scaling */
    do {
        if (!solve_lp(m, &end))
            return;
        if (end == GLP_NOFEAS) {
            m->result->end = SC_ILP_NONE;
            return;
        }
        if (end != GLP_OPT)
            return;
        m->result->bound = unscaled(m, glp_get_obj_val(m->lp));
        if (m->result->bound >= m->cutoff) {
            m->result->end = SC_ILP_NONE;
            return;
        }
    } while (add_violated(m, m->lp) > 0);
    branch_and_bound(m);
}

static void on_error(void *info)
{
    struct ilp *m = info;
    longjmp(m->trap, 1);
}

/* Everything of GLPK happens below this function, and nothing of it remains after. */
static bool trapped(struct ilp *m)
{
    volatile bool ok = false;
    if (setjmp(m->trap) == 0) {
        glp_term_out(GLP_OFF);
        glp_error_hook(on_error, m);
        solve(m);
        ok = true;
    }
    glp_error_hook(NULL, NULL);
    glp_free_env();
    return ok;
}

enum sc_status sc_ilp_run(const struct sc_view *view, enum sc_ilp_rows rows, double cutoff, struct sc_cancel *cancel,
                          void (*incumbent)(void *user, const int *choices, double bound), void *user,
                          struct sc_ilp_result *result, struct sc_error *err)
{
    struct ilp m = {.view = view,
                    .rows = rows,
                    .cutoff = cutoff,
                    .cancel = cancel,
                    .incumbent = incumbent,
                    .user = user,
                    .result = result};
    double largest;
    result->end = SC_ILP_STOPPED;
    result->found = false;
    result->bound = -INFINITY;
    if (!measure(&m, &largest))
        return sc_fail(err, SC_LIMIT, "the integer program has more than %d entries", MOST_ENTRIES);
    /* A power of two that brings the largest cost near 2^16: GLPK's tolerances are absolute near zero. */
    m.scale = largest > 0 ? exp2(16 - ceil(log2(largest))) : 1;
    m.shift = cutoff < INFINITY ? cutoff : 0;
    enum sc_status status = SC_OK;
    if (!reserve(&m))
        status = sc_fail(err, SC_NO_MEMORY, "out of memory for an integer program of %d entries", m.entries);
    else if (!trapped(&m))
        status = sc_fail(err, SC_INTERNAL, "GLPK gave up on the integer program");
    release(&m);
    return status;
}

/* ---- the solver "ilp" ------------------------------------------------------------------------------ */

struct textbook {
    struct sc_view view;
    struct sc_view_edge *edges;
    struct sc_view_term *terms;
    double *room;
    int *choices;
    struct sc_slots slots;
};

static bool make_view(struct textbook *t, const struct sc_problem *p)
{
    t->edges = sc_calloc((size_t)p->edge_count + 1, sizeof *t->edges);
    t->terms = sc_calloc((size_t)p->usage_count + 1, sizeof *t->terms);
    t->choices = sc_calloc((size_t)p->node_count, sizeof *t->choices);
    if (!t->edges || !t->terms || !t->choices || !sc_slots_make(p, &t->slots))
        return false;
    t->room = sc_calloc((size_t)t->slots.count + 1, sizeof *t->room);
    if (!t->room)
        return false;
    for (int e = 0; e < p->edge_count; e++) {
        const struct sc_table *table = &p->tables[p->edges[e].table];
        t->edges[e] = (struct sc_view_edge){p->edges[e].from, p->edges[e].to, table->at, table->stride};
    }
    int terms = 0;
    for (int u = 0; u < p->usage_count; u++)
        if (t->slots.begin[u] < t->slots.end[u])
            t->terms[terms++] =
                (struct sc_view_term){p->usages[u].node, t->slots.begin[u], t->slots.end[u], p->usages[u].usage};
    for (int s = 0; s < t->slots.count; s++)
        t->room[s] = p->limit;
    t->view = (struct sc_view){
        .node_count = p->node_count,
        .edge_count = p->edge_count,
        .term_count = terms,
        .slot_count = p->limit < INFINITY ? t->slots.count : 0,
        .choices = p->choices,
        .cost = p->cost,
        .edges = t->edges,
        .terms = t->terms,
        .room = t->room,
    };
    return true;
}

static void drop_view(struct textbook *t)
{
    sc_free(t->edges);
    sc_free(t->terms);
    sc_free(t->choices);
    sc_free(t->room);
    sc_slots_free(&t->slots);
}

static void take_plan(void *user, const int *choices, double bound)
{
    struct sc_job *job = user;
    sc_job_plan(job, choices);
    if (bound < job->solution->cost)
        sc_job_bound(job, bound - 1e-7 * fabs(bound));
}

enum sc_status sc_solve_ilp(struct sc_job *job)
{
    const struct sc_problem *p = job->problem;
    struct sc_solution *s = job->solution;
    struct textbook t = {0};
    struct sc_ilp_result result = {.end = SC_ILP_STOPPED};
    sc_job_phase(job, "ilp");
    double start = sc_now();
    enum sc_status status = make_view(&t, p) ? SC_OK : sc_job_no_memory(job);
    if (status == SC_OK) {
        result.choices = t.choices;
        status = sc_ilp_run(&t.view, SC_ILP_ALPA, INFINITY, job->options->cancel, take_plan, job, &result, job->err);
    }
    if (status == SC_OK) {
        if (result.end == SC_ILP_NONE) {
            s->status = SC_SOLVED_INFEASIBLE;
        } else if (result.end == SC_ILP_OPTIMAL && s->choices) {
            s->status = SC_SOLVED_OPTIMAL;
        } else if (result.bound > -INFINITY) {
            sc_job_bound(job, result.bound - 1e-7 * fabs(result.bound));
        }
        s->tolerance = 1e-7 * fabs(s->choices ? s->cost : 0); /* GLPK's own, relative */
        sc_job_trace(job, "ilp", sc_now() - start, p->node_count, p->edge_count);
    }
    drop_view(&t);
    return status;
}
