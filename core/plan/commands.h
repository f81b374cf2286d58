/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Private to plan/: the language of a session. A line is commands separated by ";", each a verb and its arguments.
 * A verb's first argument is a word, its second the rest of the command. An argument that begins with a double quote
 * ends at the next one; in between, \" and \\ stand for " and \, and blanks and ";" for themselves.
 */
#ifndef SC_PLAN_COMMANDS_H
#define SC_PLAN_COMMANDS_H

#include "plan/internal.h"

struct plan_verb; /* of the table of verbs */

struct plan_call {
    const struct plan_verb *verb;
    const char *argument[2]; /* NULL where there is none */
};

/* A line, taken apart. Zero-initialise. */
struct plan_line {
    char *text; /* what the arguments point into */
    SC_VEC(struct plan_call) calls;
    int64_t walk; /* the whole line is "redo N", or "undo N" when negative; else 0 */
};
enum sc_status plan_line_parse(const char *text, struct plan_line *line, struct sc_error *err);
void plan_line_free(struct plan_line *line);
/* Run a line that is no walk. On failure the settings are half changed: hand in a copy. */
enum sc_status plan_line_run(const struct plan_line *line, struct sc_settings *settings, struct sc_error *err);

/* ---- session_pins.c: a list of pins as commands change it ---- */

/* Put "GLOB=STRATEGY" last; an earlier pin of the same glob goes. */
enum sc_status plan_pins_put(struct sc_settings *settings, const char *glob, const char *strategy,
                             struct sc_error *err);
/* Afterwards no op that `glob` matches is pinned, and all others are as before. Pins of such ops alone go; a wider pin
 * that remains is followed by "GLOB=free". SC_NOT_FOUND when no pin can match such an op. */
enum sc_status plan_pins_release(struct sc_settings *settings, const char *glob, struct sc_error *err);

/* ---- session_stages.c: what is said about stages ---- */

/* What is said about a layer at which a stage may begin: by the same word, name or number. */
enum plan_cut { PLAN_CUT, PLAN_NO_CUT, PLAN_CUT_FREE };
/* PLAN_CUT_FREE: SC_NOT_FOUND when nothing was said. */
enum sc_status plan_cut_set(struct sc_settings *settings, const char *layer, enum plan_cut what, struct sc_error *err);
/* Stage "N" has the mesh "HxD[:RxC]"; "free" takes it back, SC_NOT_FOUND when it has none. */
enum sc_status plan_stage_set(struct sc_settings *settings, const char *stage, const char *mesh, struct sc_error *err);

#endif
