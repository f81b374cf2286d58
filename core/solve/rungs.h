/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * rungs: what the solvers of this folder share. Private to it.
 */
#ifndef SC_SOLVE_RUNGS_H
#define SC_SOLVE_RUNGS_H

#include "solve/solve.h"

/* One call of sc_solve: what is asked, and the answer as it grows. The best plan and the proven bound go through
 * sc_job_plan and sc_job_bound, which keep the progress slot current. */
struct sc_job {
    const struct sc_problem *problem;
    const struct sc_solve_options *options;
    struct sc_solution *solution;
    struct sc_error *err;
    double started; /* sc_now() */
    const char *phase;
    bool no_memory; /* a plan could not be checked or kept */
};

/* A solver. It fills plan and bound, and sets solution->status to INFEASIBLE or OPTIMAL when that is proven; the
 * caller derives the rest. SC_CANCELLED is a normal end. */
enum sc_status sc_solve_greedy(struct sc_job *job);
enum sc_status sc_solve_brute(struct sc_job *job);
enum sc_status sc_solve_ilp(struct sc_job *job);
enum sc_status sc_solve_exact(struct sc_job *job);

/* The search for a limit that would do, for a problem proven infeasible. */
enum sc_status sc_find_limit(struct sc_job *job);

/* Offer a plan (a choice a node of the problem). Kept when the checker finds it feasible and it is cheaper than the
 * best so far. Returns its cost, +inf when it is not feasible. */
double sc_job_plan(struct sc_job *job, const int *choices);
void sc_job_bound(struct sc_job *job, double bound); /* keeps the larger */
void sc_job_phase(struct sc_job *job, const char *phase);
void sc_job_trace(struct sc_job *job, const char *rung, double seconds, int nodes, int edges);
double sc_job_wanted(const struct sc_job *job); /* plans must cost less: than the best, and what is asked for */
bool sc_job_stop(const struct sc_job *job);     /* cancelled, or the gap asked for is reached */
enum sc_status sc_job_no_memory(const struct sc_job *job);

/* Times at which a usage limit can bind: the maximal sets of terms that are alive together. Slots are numbered by
 * time; term u is alive in slots begin[u] … end[u] - 1 (none when begin == end). */
struct sc_slots {
    int count;
    int *begin, *end; /* a term each */
    int64_t *time;    /* of each slot */
};
bool sc_slots_make(const struct sc_problem *problem, struct sc_slots *out); /* false: out of memory */
void sc_slots_free(struct sc_slots *slots);

/* A cost graph as arrays, the common view for the model builders. Tables are read at
 * table[row * row_stride + col * col_stride]. */
struct sc_view_edge {
    int from, to;
    const double *table;
    int row_stride;
};
struct sc_view_term {
    int node, begin, end; /* slots */
    const double *usage;
};
struct sc_view {
    int node_count, edge_count, term_count, slot_count;
    const int *choices;
    const double *const *cost;
    const struct sc_view_edge *edges;
    const struct sc_view_term *terms;
    const double *room; /* of each slot */
};

/* GLPK on a view. */
enum sc_ilp_rows {
    SC_ILP_ALPA,     /* sum_q e(p,q) <= s(p), sum e = 1, e binary (Alpa) */
    SC_ILP_POLYTOPE, /* sum_q e(p,q) = s(p), e continuous (local marginal polytope) */
};
enum sc_ilp_end { SC_ILP_OPTIMAL, SC_ILP_NONE, SC_ILP_STOPPED };
struct sc_ilp_result {
    enum sc_ilp_end end; /* NONE: no plan below the cutoff */
    int *choices;        /* caller's array; valid when `found` */
    bool found;
    double bound; /* of the floating-point search, not rounded */
};
/* `cutoff` +inf or the cost that a plan must stay below. `plan` is told each incumbent and may be NULL. */
enum sc_status sc_ilp_run(const struct sc_view *view, enum sc_ilp_rows rows, double cutoff, struct sc_cancel *cancel,
                          void (*incumbent)(void *user, const int *choices, double bound), void *user,
                          struct sc_ilp_result *result, struct sc_error *err);

#endif
