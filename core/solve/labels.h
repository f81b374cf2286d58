/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * labels: all plans of a connected graph that may be part of the cheapest one whose sum of usages stays within a
 * capacity. Private to this folder.
 */
#ifndef SC_SOLVE_LABELS_H
#define SC_SOLVE_LABELS_H

#include "solve/elim.h"

enum { SC_LABELS_COUNTS = 6 };

/* A plan, or a part of one. */
struct sc_label {
    double cost, usage;
    uint64_t counts;
    int trace; /* how it came about */
    int with;  /* in the making: what it is joined with, -1: nothing */
};

/* How many of some nodes take some choice has limits, too: of each, `bits` of the sum of a plan's counts. */
struct sc_labels_limits {
    int counts, bits;
    int most[SC_LABELS_COUNTS];
};

/* Keep the labels that no other of the same counts beats in cost and usage, by counts and rising usage. */
size_t sc_labels_filter(struct sc_label *labels, size_t count);
bool sc_labels_too_many(const struct sc_labels_limits *limits, uint64_t counts);

struct sc_labels_run;
struct sc_labels {
    struct sc_elim *elim;      /* of a connected graph, run and descended with floor(lambda * usage) added to costs */
    const double *const *cost; /* a node and choice each */
    const double *const *usage;
    const uint64_t *const *count; /* likewise; NULL: none */
    double lambda, capacity;
    double most;   /* plans are wanted of which cost + floor(lambda * usage) is at most this */
    size_t budget; /* labels that may be made */
    struct sc_labels_limits limits;
    /* results */
    bool exhausted; /* the budget ran out: nothing is known */
    size_t label_count;
    const struct sc_label *label; /* filtered */
    struct sc_labels_run *run;
};

/* Results live until sc_labels_free. */
enum sc_status sc_labels_run(struct sc_labels *labels);
/* Choices of the plan behind a label. */
void sc_labels_plan(const struct sc_labels *labels, int trace, int *plan);
size_t sc_labels_made(const struct sc_labels *labels); /* of the budget */
void sc_labels_free(struct sc_labels *labels);

#endif
