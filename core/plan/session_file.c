/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Session files: the settings a session began with, its log, and how much of the log is in force. Loading runs the log
 * again, so that a file cannot hold a state that commands do not lead to.
 */
#include <string.h>

#include "plan/session.h"

enum sc_status sc_session_save(struct sc_session *session, const char *path, struct sc_error *err)
{
    struct sc_json_writer w;
    struct sc_str text = {0};
    const char *command;
    sc_json_begin(&w, &text);
    sc_json_open_object(&w, NULL, false);
    sc_json_put_int(&w, "stagecut", 1);
    sc_json_put_string(&w, "kind", "session");
    plan_settings_write(&w, plan_session_first(session));
    sc_json_open_array(&w, "log", false);
    for (size_t i = 0; (command = plan_session_command(session, i)); i++)
        sc_json_put_string(&w, NULL, command);
    sc_json_close(&w);
    sc_json_put_int(&w, "position", sc_session_undo_depth(session));
    sc_json_close(&w);
    sc_str_add(&text, "\n");
    enum sc_status status = text.failed ? sc_fail(err, SC_NO_MEMORY, "no memory to write the session")
                                        : sc_file_write(path, sc_str_text(&text), text.length, err);
    if (status == SC_OK)
        plan_session_saved(session);
    sc_str_free(&text);
    return status;
}

static enum sc_status replay_one(const struct sc_json_doc *doc, const struct sc_json *item, struct sc_session *session,
                                 struct sc_error *err)
{
    struct plan_line line = {0};
    struct sc_error why = {0};
    const char *command = sc_json_string(item);
    if (!command)
        return sc_json_fail(doc, item, err, "found %s; expected a command like \"pin GLOB STRATEGY\"",
                            sc_json_type_name(sc_json_type(item)));
    enum sc_status status = plan_line_parse(command, &line, &why);
    if (status == SC_OK && line.walk)
        status = sc_fail(&why, SC_INPUT, "a log holds no undo and no redo; \"position\" says what is in force");
    if (status == SC_OK)
        status = plan_session_replay(session, &line, command, &why);
    plan_line_free(&line);
    if (status == SC_NO_MEMORY)
        return sc_fail(err, status, "%s", why.message);
    return status == SC_OK ? SC_OK : sc_json_fail(doc, item, err, "%s", why.message);
}

static enum sc_status replay(const struct sc_json_doc *doc, struct sc_session *session, struct sc_error *err)
{
    const struct sc_json *log, *root = sc_json_root(doc);
    int64_t count, position = 0;
    enum sc_status status = sc_json_want(doc, root, "log", true, SC_JSON_ARRAY, &log, err);
    for (const struct sc_json *item = status == SC_OK ? sc_json_first(log) : NULL; item && status == SC_OK;
         item = sc_json_next(item))
        status = replay_one(doc, item, session, err);
    count = sc_session_undo_depth(session);
    if (status == SC_OK)
        status = sc_json_want_int(doc, root, "position", true, 0, count, &position, err);
    return status == SC_OK && position < count ? plan_session_go(session, (size_t)position, err) : status;
}

static enum sc_status check_head(const struct sc_json_doc *doc, struct sc_error *err)
{
    static const char *const known[] = {"stagecut", "kind", "settings", "log", "position", NULL};
    const struct sc_json *root = sc_json_root(doc);
    const char *kind = "";
    enum sc_status status = sc_json_version(doc, err);
    if (status == SC_OK)
        status = sc_json_want_string(doc, root, "kind", true, &kind, err);
    if (status == SC_OK && strcmp(kind, "session") != 0)
        return sc_json_fail(doc, sc_json_get(root, "kind"), err, "found a file of kind \"%.60s\"; expected \"session\"",
                            kind);
    return status == SC_OK ? sc_json_only(doc, root, known, err) : status;
}

enum sc_status sc_session_load(const char *path, struct sc_session **out, struct sc_error *err)
{
    struct sc_json_doc *doc;
    struct sc_settings settings;
    struct sc_session *session = NULL;
    enum sc_status status = sc_json_load(path, &doc, err);
    if (status != SC_OK)
        return status;
    sc_settings_init(&settings);
    status = check_head(doc, err);
    if (status == SC_OK)
        status = plan_settings_read(doc, sc_json_root(doc), &settings, err);
    if (status == SC_OK)
        status = sc_session_new(&settings, &session, err);
    if (status == SC_OK)
        status = replay(doc, session, err);
    sc_settings_free(&settings);
    sc_json_doc_free(doc);
    if (status != SC_OK) {
        sc_session_free(session);
        return status;
    }
    plan_session_saved(session);
    *out = session;
    return SC_OK;
}
