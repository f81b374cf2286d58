/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * front: what the files of the frontier share: a problem whose limit is one sum and one maximum (frontier.c). Private
 * to them.
 */
#ifndef SC_SOLVE_FRONT_H
#define SC_SOLVE_FRONT_H

#include "solve/core.h"
#include "solve/elim.h"

/* A part of the problem: capacity -low for the sum; choices with m >= high are forbidden. */
struct sc_front_part {
    double low, high;
    double bound; /* without the core's constant */
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
    double base_peak;                              /* of the slots that nobody owns: minus their least room */
    double least_peak;                             /* no plan has less */
    double cutoff;                                 /* without the core's constant: plans must cost at most this */
    double total_usage;
    double lambda; /* of the part that gave the best plan */
    int *full;     /* a plan of the whole core */
    SC_VEC(struct sc_front_part) parts;
};

/* Offer f->full; the cutoff may fall. */
void sc_front_send(struct sc_front *f);

/* crossing.c: plans that begin as one and end as the other, the cheapest that are within the limit or nearly so, are
 * mended, filled up by moves, and offered. */
enum sc_status sc_front_cross(struct sc_front *f, const struct sc_front_point *a, const struct sc_front_point *b);

#endif
