/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * remnant: a cost graph of which few choices are left, reduced without loss under one sum of usages, and what hangs
 * together in it. Private to this folder.
 */
#ifndef SC_SOLVE_REMNANT_H
#define SC_SOLVE_REMNANT_H

#include "solve/rungs.h"

struct sc_remnant_node {
    int k;                /* choices that are left */
    int *id;              /* of each, in the view */
    double *cost, *usage; /* of each; the least of each row is 0 */
    uint64_t *counts;
    int piece; /* -1: it has one choice, and is part of none */
    bool queued;
};

struct sc_remnant_edge {
    int u, v;
    double *at; /* at[p * k of v + q]; NULL: gone */
};

/* A piece: nodes that hang together. Equal ones (node by node and edge by edge) have one kind. */
struct sc_remnant_piece {
    int first, count; /* nodes are members[first] … members[first + count - 1] */
    int kind;
};

struct sc_remnant {
    int n, edge_count, piece_count, kind_count;
    struct sc_remnant_node *node;
    struct sc_remnant_edge *edge;
    int *begin, *incident; /* edges of node i: incident[begin[i] … begin[i + 1] - 1] */
    int *members;
    struct sc_remnant_piece *piece;
    int *first_of_kind; /* a piece of each kind */
    double cost, usage; /* of all plans */
    uint64_t counts;
    bool empty; /* a node has no choice */
    struct sc_arena *arena;
};

/* From a view and a usage for each node and choice (counts NULL: none). A choice goes when another of its node costs
 * no more whatever its neighbours take, uses no more and counts the same. False: out of memory. */
bool sc_remnant_make(struct sc_remnant *r, const struct sc_view *view, const double *const *cost,
                     const double *const *usage, const uint64_t *const *counts);
void sc_remnant_free(struct sc_remnant *r);

#endif
