/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * front: what the files of the frontier share: a problem whose limit is one sum and one maximum (frontier.c). Private
 * to them.
 */
#ifndef SC_SOLVE_FRONT_H
#define SC_SOLVE_FRONT_H

#include "solve/core.h"
#include "solve/elim.h"
#include "solve/labels.h"

enum { SC_FRONT_COLUMNS = 400, SC_FRONT_COUNT_BITS = 10 };

/* How many of some nodes (of the view, of one kind) use at least so much. */
struct sc_front_count {
    int size;
    double least;
    const int *node;
};

/* All of them do, or none does; so does what was fixed before. */
struct sc_front_fixed {
    struct sc_front_count count;
    bool all;
    const struct sc_front_fixed *before;
};

/* A part of the problem: capacity -low for the sum; choices with m >= high are forbidden; counts have limits. */
struct sc_front_part {
    double low, high;
    double bound; /* without the core's constant */
    const struct sc_front_fixed *fixed;
    int limits;
    struct {
        struct sc_front_count count;
        int least, most;
    } limit[SC_LABELS_COUNTS];
};

/* What usage and counts (whole) cost. */
struct sc_front_prices {
    double lambda, count[SC_LABELS_COUNTS];
};

struct sc_front_point {
    double lambda, cost, usage, peak, total; /* of the plan that is best at lambda; total with prices */
    int *plan;
};

struct sc_front {
    struct sc_core *core;
    const struct sc_core_view *view;
    struct sc_elim *elim;
    const struct sc_core_sink *sink;
    struct sc_arena *arena;
    int n;
    double **g, **m, **cost, **priced, **marginal; /* a node and choice each */
    double **charge;                               /* prices of counts, likewise */
    double base_peak;                              /* of the slots that nobody owns: minus their least room */
    double least_peak;                             /* no plan has less */
    double cutoff;                                 /* without the core's constant: plans must cost at most this */
    double total_usage;
    size_t runs;    /* of the elimination */
    double in_vain; /* labels that were too few */
    double lambda;  /* of the part that gave the best plan */
    int *full;      /* a plan of the whole core */
    SC_VEC(struct sc_front_part) parts;
    struct sc_front_point column[SC_FRONT_COLUMNS]; /* plans met, within the limit or not */
    double weight[SC_FRONT_COLUMNS];                /* of each, in the mixture that bounds the part (counts.c) */
    int columns;
    int *kind;                           /* of a node: alike ones have one number; NULL: not known yet */
    int *by_kind, *first_of_kind, kinds; /* nodes of kind k: by_kind[first_of_kind[k] … first_of_kind[k + 1] - 1] */
};

/* The plan that is best with these costs, lambda and charges. */
enum sc_status sc_front_evaluate(struct sc_front *f, double lambda, struct sc_front_point *p);
/* A plan within the limit goes out; the cutoff may fall. */
void sc_front_consider(struct sc_front *f, const struct sc_front_point *p);
/* Offer f->full. */
void sc_front_send(struct sc_front *f);

/* crossing.c: plans that begin as one and end as the other, the cheapest that are within the limit or nearly so, are
 * mended, filled up by moves, and offered. */
enum sc_status sc_front_cross(struct sc_front *f, const struct sc_front_point *a, const struct sc_front_point *b);

/* counts.c. The prices of counts into f->charge (NULL: none). */
void sc_front_charge(struct sc_front *f, const struct sc_front_part *part, const struct sc_front_prices *prices);
/* Into f->cost: +inf for what the part forbids. */
void sc_front_allow(struct sc_front *f, const struct sc_front_part *part);
/* What the prices of counts give back at the limits. */
double sc_front_credit(const struct sc_front_part *part, const struct sc_front_prices *prices);
/* A copy to the columns. */
bool sc_front_keep(struct sc_front *f, const struct sc_front_point *p);
/* The best prices found in so many runs of the elimination, and the part's bound with them. Leaves f->weight. */
enum sc_status sc_front_price(struct sc_front *f, struct sc_front_part *part, int runs, struct sc_front_prices *best);
/* Split a part where its mixture takes a choice at a broken number of alike nodes. *found: such was found, and the
 * halves that may have a plan are among f->parts. */
enum sc_status sc_front_branch(struct sc_front *f, const struct sc_front_part *part, bool *found);

#endif
