/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * slots: the times that matter. Usage terms live in intervals, so a load can be largest only where something is about
 * to end after something began; these points are the maximal cliques of the interval graph (Gilmore and Hoffman 1964).
 */
#include "solve/rungs.h"

#include <stdlib.h>

struct end {
    int64_t time;
    int term;
    bool begins;
};

static int by_time(const void *a, const void *b)
{
    const struct end *x = a, *y = b;
    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    if (x->begins != y->begins)
        return x->begins ? 1 : -1;
    return (x->term > y->term) - (x->term < y->term);
}

static bool uses(const struct sc_problem *problem, const struct sc_problem_usage *term)
{
    if (term->t0 >= term->t1)
        return false;
    for (int c = 0; c < problem->choices[term->node]; c++)
        if (term->usage[c] > 0)
            return true;
    return false;
}

bool sc_slots_make(const struct sc_problem *problem, struct sc_slots *out)
{
    size_t terms = (size_t)problem->usage_count;
    *out = (struct sc_slots){0};
    struct end *ends = sc_calloc(2 * terms + 1, sizeof *ends);
    out->begin = sc_calloc(terms + 1, sizeof *out->begin);
    out->end = sc_calloc(terms + 1, sizeof *out->end);
    out->time = sc_calloc(terms + 1, sizeof *out->time);
    if (!ends || !out->begin || !out->end || !out->time) {
        sc_free(ends);
        sc_slots_free(out);
        return false;
    }
    size_t count = 0;
    for (size_t u = 0; u < terms; u++)
        if (uses(problem, &problem->usages[u])) {
            ends[count++] = (struct end){problem->usages[u].t0, (int)u, true};
            ends[count++] = (struct end){problem->usages[u].t1, (int)u, false};
        }
    qsort(ends, count, sizeof *ends, by_time);
    for (size_t i = 0; i < count; i++) {
        if (ends[i].begins) {
            out->begin[ends[i].term] = out->count;
            out->time[out->count] = ends[i].time;
            if (i + 1 < count && !ends[i + 1].begins)
                out->count++;
        } else {
            out->end[ends[i].term] = out->count;
        }
    }
    sc_free(ends);
    return true;
}

void sc_slots_free(struct sc_slots *slots)
{
    sc_free(slots->begin);
    sc_free(slots->end);
    sc_free(slots->time);
    *slots = (struct sc_slots){0};
}
