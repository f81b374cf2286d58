/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Private to graph: what makers share.
 */
#ifndef SC_GRAPH_MAKE_H
#define SC_GRAPH_MAKE_H

#include "private.h"

#define SC_REQUIRED INT64_MIN /* as `absent`: the attribute has to be given */

/* The attribute as given, or NULL. */
const struct sc_attribute *sc_make_attribute(const struct sc_making *m, const char *name);
/* One number within [min, max]; `absent` when it is not given. */
enum sc_status sc_make_int(const struct sc_making *m, const char *name, int64_t absent, int64_t min, int64_t max,
                           int64_t *out);
/* An axis, counted from the end when negative. */
enum sc_status sc_make_axis(const struct sc_making *m, int64_t value, int rank, int *out);
/* Refuse an operand of another rank. */
enum sc_status sc_make_rank(const struct sc_making *m, int operand, int rank);
/* Tell the binder a factor's size. */
void sc_make_size(const struct sc_making *m, const char *name, int64_t value);

/* Names already used in the text being made. */
struct sc_names {
    int count;
    char name[2 * SC_MAX_FACTORS][SC_NAME_SIZE];
};
/* `wanted` when it is free and not empty, else "d0", "d1" …; borrowed from `names`. */
const char *sc_make_name(struct sc_names *names, const char *wanted);

#endif
