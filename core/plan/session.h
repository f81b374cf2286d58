/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Private to plan/: what reading and writing of session files need of a session.
 */
#ifndef SC_PLAN_SESSION_H
#define SC_PLAN_SESSION_H

#include "plan/commands.h"

/* What it began with. */
const struct sc_settings *plan_session_first(const struct sc_session *session);
/* A command of the log, those that were undone too; NULL past the end. */
const char *plan_session_command(const struct sc_session *session, size_t step);
/* From here on the session is not dirty. */
void plan_session_saved(struct sc_session *session);
/* Undo or redo to a position in the log. On failure nothing changed. */
enum sc_status plan_session_go(struct sc_session *session, size_t position, struct sc_error *err);
/* A line of a log, and its text. In place, so on failure the session is good for nothing but to be freed. */
enum sc_status plan_session_replay(struct sc_session *session, const struct plan_line *line, const char *command,
                                   struct sc_error *err);

#endif
