/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A session: settings, and the log of commands that made them. Undo makes the state again from the nearest image below
 * and the log. An image is taken when as many steps lie behind the last one as it has items, and some more: so images
 * together hold no more items than there are steps, and an undo runs no more commands than there are items.
 */
#include <string.h>

#include "plan/session.h"

enum { IMAGE_STEPS = 32, STEPS_MAX = 1000000 };

struct step {
    char *command;
    struct sc_settings *before; /* the image of what it was applied to, or NULL */
    size_t image;               /* the nearest step, up to this one, that has an image; 0: the session's first */
};

struct sc_session {
    struct sc_settings first, now;
    SC_VEC(struct step) steps;
    size_t position; /* steps[0 … position) are in force */
    uint64_t revision, saved_hash;
};

/* ---- making and reading ---- */

enum sc_status sc_session_new(const struct sc_settings *settings, struct sc_session **out, struct sc_error *err)
{
    struct sc_session *session = sc_alloc(sizeof *session);
    if (session) {
        sc_settings_init(&session->first);
        sc_settings_init(&session->now);
    }
    if (!session || !sc_settings_copy(&session->first, settings) || !sc_settings_copy(&session->now, settings)) {
        sc_session_free(session);
        return sc_fail(err, SC_NO_MEMORY, "no memory for a session");
    }
    session->saved_hash = sc_session_hash(session);
    *out = session;
    return SC_OK;
}

static void step_free(struct step *step)
{
    sc_free(step->command);
    if (step->before)
        sc_settings_free(step->before);
    sc_free(step->before);
    *step = (struct step){0};
}

static void drop_steps(struct sc_session *session, size_t from)
{
    while (session->steps.count > from)
        step_free(&session->steps.data[--session->steps.count]);
}

void sc_session_free(struct sc_session *session)
{
    if (!session)
        return;
    drop_steps(session, 0);
    sc_vec_free(&session->steps);
    sc_settings_free(&session->first);
    sc_settings_free(&session->now);
    sc_free(session);
}

const struct sc_settings *sc_session_settings(const struct sc_session *session)
{
    return &session->now;
}

uint64_t sc_session_revision(const struct sc_session *session)
{
    return session->revision;
}

uint64_t sc_session_hash(const struct sc_session *session)
{
    return sc_settings_hash(&session->now);
}

bool sc_session_dirty(const struct sc_session *session)
{
    return sc_session_hash(session) != session->saved_hash;
}

int sc_session_undo_depth(const struct sc_session *session)
{
    return (int)session->position;
}

int sc_session_redo_depth(const struct sc_session *session)
{
    return (int)(session->steps.count - session->position);
}

const char *sc_session_undo_text(const struct sc_session *session)
{
    return session->position ? session->steps.data[session->position - 1].command : NULL;
}

/* ---- for files ---- */

const struct sc_settings *plan_session_first(const struct sc_session *session)
{
    return &session->first;
}

const char *plan_session_command(const struct sc_session *session, size_t step)
{
    return step < session->steps.count ? session->steps.data[step].command : NULL;
}

void plan_session_saved(struct sc_session *session)
{
    session->saved_hash = sc_session_hash(session);
}

/* ---- changing ---- */

static void replace_now(struct sc_session *session, struct sc_settings *settings, size_t position)
{
    sc_settings_free(&session->now);
    session->now = *settings;
    session->position = position;
    session->revision++;
}

static enum sc_status run_text(const char *command, struct sc_settings *settings, struct sc_error *err)
{
    struct plan_line line = {0};
    enum sc_status status = plan_line_parse(command, &line, err);
    if (status == SC_OK)
        status = plan_line_run(&line, settings, err);
    plan_line_free(&line);
    return status;
}

enum sc_status plan_session_go(struct sc_session *session, size_t position, struct sc_error *err)
{
    const struct step *steps = session->steps.data;
    const struct sc_settings *from = &session->now;
    size_t at = session->position;
    struct sc_settings settings;
    if (position < at) { /* it lies behind: start from the image below */
        at = steps[position].image;
        from = at ? steps[at].before : &session->first;
    }
    enum sc_status status =
        sc_settings_copy(&settings, from) ? SC_OK : sc_fail(err, SC_NO_MEMORY, "no memory to go back");
    if (status != SC_OK)
        return status;
    for (; status == SC_OK && at < position; at++)
        status = run_text(steps[at].command, &settings, err);
    if (status == SC_OK)
        replace_now(session, &settings, position);
    else
        sc_settings_free(&settings);
    return status;
}

static enum sc_status walk(struct sc_session *session, int64_t steps, struct sc_error *err)
{
    int64_t position = (int64_t)session->position, target = position + steps, count = (int64_t)session->steps.count;
    target = target < 0 ? 0 : target > count ? count : target;
    if (target == position)
        return sc_fail(err, SC_NOT_FOUND, steps < 0 ? "nothing to undo" : "nothing to redo");
    return plan_session_go(session, (size_t)target, err);
}

/* A step that leads on from now; with an image when one is due. False leaves nothing behind. */
static bool step_make(const struct sc_session *session, const char *command, struct step *out)
{
    const struct sc_settings *now = &session->now;
    size_t position = session->position, items = (size_t)now->pins.count + (size_t)now->sets.count;
    *out = (struct step){.image = position ? session->steps.data[position - 1].image : 0};
    bool ok = plan_text_set(&out->command, command + strspn(command, " \t"));
    if (ok && position - out->image >= items + IMAGE_STEPS) {
        out->image = position;
        out->before = sc_alloc(sizeof *out->before);
        ok = out->before && sc_settings_copy(out->before, now);
    }
    if (!ok) {
        sc_free(out->before); /* the image was not made */
        sc_free(out->command);
    }
    return ok;
}

/* Put a step behind what is in force; what was undone is gone. It takes the step over, also when it fails. */
static enum sc_status push(struct sc_session *session, struct step *step, struct sc_error *err)
{
    if (session->position >= STEPS_MAX || !sc_vec_reserve(&session->steps, session->position + 1)) {
        step_free(step);
        return session->position >= STEPS_MAX
                   ? sc_fail(err, SC_LIMIT, "a session has %d steps at most; begin another with these settings",
                             STEPS_MAX)
                   : sc_fail(err, SC_NO_MEMORY, "no memory for a change");
    }
    drop_steps(session, session->position);
    session->steps.data[session->steps.count++] = *step;
    return SC_OK;
}

enum sc_status plan_session_replay(struct sc_session *session, const struct plan_line *line, const char *command,
                                   struct sc_error *err)
{
    struct step step;
    enum sc_status status = step_make(session, command, &step) ? push(session, &step, err)
                                                               : sc_fail(err, SC_NO_MEMORY, "no memory for a change");
    if (status == SC_OK)
        status = plan_line_run(line, &session->now, err);
    session->position = session->steps.count;
    session->revision++;
    return status;
}

/* Run a line on a copy of the settings; a step when that changes them. */
static enum sc_status change(struct sc_session *session, const struct plan_line *line, const char *command,
                             struct sc_error *err)
{
    struct sc_settings settings;
    struct step step;
    if (!sc_settings_copy(&settings, &session->now))
        return sc_fail(err, SC_NO_MEMORY, "no memory for a change");
    enum sc_status status = plan_line_run(line, &settings, err);
    bool changed = status == SC_OK && sc_settings_hash(&settings) != sc_session_hash(session);
    if (changed)
        status = step_make(session, command, &step) ? push(session, &step, err)
                                                    : sc_fail(err, SC_NO_MEMORY, "no memory for a change");
    if (changed && status == SC_OK)
        replace_now(session, &settings, session->steps.count);
    else
        sc_settings_free(&settings);
    return status;
}

enum sc_status sc_settings_apply(struct sc_settings *settings, const char *command, struct sc_error *err)
{
    struct plan_line line = {0};
    struct sc_settings changed;
    enum sc_status status = plan_line_parse(command, &line, err);
    if (status == SC_OK && line.walk)
        status = sc_fail(err, SC_USAGE, "%s: undo and redo are of a session", command);
    if (status == SC_OK && !sc_settings_copy(&changed, settings))
        status = sc_fail(err, SC_NO_MEMORY, "no memory for a change");
    else if (status == SC_OK && (status = plan_line_run(&line, &changed, err)) != SC_OK)
        sc_settings_free(&changed);
    plan_line_free(&line);
    if (status == SC_OK) {
        sc_settings_free(settings);
        *settings = changed;
    }
    return status;
}

enum sc_status sc_session_apply(struct sc_session *session, const char *command, struct sc_error *err)
{
    struct plan_line line = {0};
    enum sc_status status = plan_line_parse(command, &line, err);
    if (status == SC_OK)
        status = line.walk ? walk(session, line.walk, err) : change(session, &line, command, err);
    plan_line_free(&line);
    return status;
}
