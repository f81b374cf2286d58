/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * local: plans from plans, by repair and local moves under the limit. Private to this folder.
 */
#ifndef SC_SOLVE_LOCAL_H
#define SC_SOLVE_LOCAL_H

#include "solve/core.h"

struct sc_local {
    const struct sc_core *core;
    int *plan;            /* a core node each; -1: gone */
    double cost;          /* with the core's constant; +inf when a pair is forbidden */
    int forbidden;        /* pairs of infinite cost */
    int leaves;           /* of the tree over slots: a power of two */
    double *most, *added; /* largest excess of load over room below a tree node; added to all below it */
    double *row, *other;  /* scratch: choices */
    int *queue;
    bool *queued;
    int *listed, *choice; /* of repair: place of a node in its list, from 1; best choice of those listed */
    double *score;
    long moves; /* that the last repair took */
    int widest;
};

struct sc_local *sc_local_new(const struct sc_core *core); /* NULL: out of memory */
void sc_local_free(struct sc_local *local);
void sc_local_set(struct sc_local *local, const int *plan);
bool sc_local_fits(const struct sc_local *local); /* within the limit and nothing forbidden */
/* Cheapest moves that bring the plan within the limit and out of forbidden pairs. False when it got stuck. */
bool sc_local_repair(struct sc_local *local);
/* Single moves, then moves of two neighbours, until none helps. Keeps the plan within the limit. */
void sc_local_improve(struct sc_local *local, bool pairs);
/* What the plan would cost more with `choice` at `node`; whether it would stay within the limit. */
double sc_local_change(const struct sc_local *local, int node, int choice);
bool sc_local_allows(struct sc_local *local, int node, int choice);
void sc_local_move(struct sc_local *local, int node, int choice);

#endif
