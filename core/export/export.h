/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * export: a plan in the words of other programs: schedules and timelines, pictures, tables, and the sharding
 * annotations of JAX and PyTorch. A format is a row of one table (formats.c).
 */
#ifndef SC_EXPORT_H
#define SC_EXPORT_H

#include "plan/plan.h"

/* A format. `write` appends to `out` and does not look whether memory sufficed for it: sc_export does. */
struct sc_exporter {
    const char *name, *help;
    const char *variants; /* what may stand behind the name and a colon, for people: "all"; NULL: nothing */
    const char *suffix;   /* of file names: ".json" */
    /* `variant` is "" for the format as it is. Errors: SC_USAGE for a variant there is not, SC_CANCELLED (may be NULL:
     * never), SC_NO_MEMORY, and those of sc_timeline_simulate. */
    enum sc_status (*write)(const struct sc_plan *plan, const char *variant, struct sc_cancel *cancel,
                            struct sc_str *out, struct sc_error *err);
};
const struct sc_exporter *sc_exporter_at(size_t index); /* NULL past the end; static */
/* Of "NAME" or "NAME:VARIANT"; NULL with SC_NOT_FOUND and the nearest name in `err` when there is no such name. */
const struct sc_exporter *sc_exporter_find(const char *format, struct sc_error *err);

/* The plan as text (UTF-8, lines end with "\n"), appended to `out`; `format` is as for
 * sc_exporter_find. SC_NOT_FOUND; SC_USAGE for a plan without choices; else as the format's `write`. */
enum sc_status sc_export(const struct sc_plan *plan, const char *format, struct sc_cancel *cancel, struct sc_str *out,
                         struct sc_error *err);

#endif
