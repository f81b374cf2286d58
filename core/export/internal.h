/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Private to export/: the formats, and what they share.
 */
#ifndef SC_EXPORT_INTERNAL_H
#define SC_EXPORT_INTERNAL_H

#include "export/export.h"

/* ---- the formats, each in its file ---- */

#define EXPORT_WRITER(name)                                                                                            \
    enum sc_status name(const struct sc_plan *plan, const char *variant, struct sc_cancel *cancel, struct sc_str *out, \
                        struct sc_error *err)
EXPORT_WRITER(export_schedule);
EXPORT_WRITER(export_trace);
EXPORT_WRITER(export_dot);
EXPORT_WRITER(export_csv);
EXPORT_WRITER(export_jax);
EXPORT_WRITER(export_dtensor);
EXPORT_WRITER(export_markdown);

/* ---- text.c: names are any UTF-8 without spaces and control characters; those of models and clusters are any ---- */

void export_put_python(struct sc_str *out, const char *text);   /* a Python string, quoted */
void export_put_csv(struct sc_str *out, const char *text);      /* a field (RFC 4180), quoted where that is needed */
void export_put_dot(struct sc_str *out, const char *text);      /* inside the quotes of a DOT label */
void export_put_markdown(struct sc_str *out, const char *text); /* a code span, also inside a table */
void export_put_number(struct sc_str *out, double value);       /* exact; nothing for what is not finite */
void export_put_axes(struct sc_str *out, unsigned axes);        /* "xy" */
void export_put_shape(struct sc_str *out, const struct sc_axes *axes); /* "2x4" */

/* ---- place.c: what stands in a stage ---- */

/* A node of a stage's costs, with the strategy chosen for it. */
struct export_place {
    const struct sc_plan *plan; /* of the stage */
    const struct sc_strategy *strategy;
    int node;
    int op;                /* the op, or the producer of a fan-out's tensor */
    int tensor;            /* of a fan-out; -1: the node is the op */
    bool owned;            /* the op is of this stage; else the node is a copy, or a tensor that is received */
    enum sc_source source; /* of the op */
};
struct export_place export_place_at(const struct sc_plan *stage_plan, int node);
/* Seconds of an iteration and memory of what no op of the stage is shown with: a copy of an earlier stage's parameter
 * or input, or a tensor that is received. */
struct sc_op_cost export_copy_cost(const struct export_place *place);

/* A tensor that passes from its stage to later ones. */
struct export_passing {
    int tensor, from;
    int to_count;
    const int *to; /* stages, in order */
    bool gradient; /* comes back */
    double bytes;
};
/* All of them, in order of the ops that make them; in `arena`. */
enum sc_status export_find_passing(const struct sc_plan *plan, struct sc_arena *arena, struct export_passing **out,
                                   int *count, struct sc_error *err);

/* ---- formats.c ---- */

enum sc_status export_no_variant(const char *format, const char *variant, struct sc_error *err); /* refuses any */
/* The schedule that the variant names ("1f1b", "gpipe", "interleaved", "interleaved:CHUNKS"), or the plan's own;
 * checked. out->stages is the caller's to free with sc_free. */
enum sc_status export_schedule_input(const struct sc_plan *plan, const char *variant, struct sc_schedule_input *out,
                                     struct sc_error *err);
#define EXPORT_SCHEDULES "1f1b, gpipe, interleaved, interleaved:CHUNKS"

#endif
