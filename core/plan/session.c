/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A session: settings, and the log of commands that made them. Every step keeps the settings before it, so that undo
 * is exact and cheap whatever the command was; the log alone is saved, and replayed on load.
 */
#include <string.h>

#include "plan/internal.h"

struct step {
    char *command;
    struct sc_settings after;
};

struct sc_session {
    struct sc_settings first;
    SC_VEC(struct step) steps;
    size_t position; /* steps[0 … position) are in force */
    uint64_t revision, saved_hash;
};

/* ---- verbs ---- */

typedef enum sc_status (*verb_run)(struct sc_settings *settings, char *arguments, struct sc_error *err);

/* Cuts the first word off; what follows is trimmed. */
static char *first_word(char **rest)
{
    char *word = *rest + strspn(*rest, " \t"), *end = word + strcspn(word, " \t");
    *rest = end + strspn(end, " \t");
    if (*end)
        *end = '\0';
    return word;
}

static bool glob_equals(const char *pin, const char *glob)
{
    size_t length;
    const char *strategy;
    return plan_pin_split(pin, &length, &strategy) && strlen(glob) == length && strncmp(pin, glob, length) == 0;
}

static void remove_pins(struct sc_texts *pins, const char *glob)
{
    int kept = 0;
    for (int i = 0; i < pins->count; i++)
        if (glob_equals(pins->at[i], glob))
            sc_free(pins->at[i]);
        else
            pins->at[kept++] = pins->at[i];
    pins->count = kept;
}

static enum sc_status add_pin(struct sc_settings *settings, const char *glob, const char *strategy,
                              struct sc_error *err)
{
    struct sc_str text = {0};
    sc_str_addf(&text, "%s=%s", glob, strategy);
    enum sc_status status = text.failed ? sc_fail(err, SC_NO_MEMORY, "no memory for a pin")
                                        : sc_settings_set(settings, "pin", sc_str_text(&text), err);
    sc_str_free(&text);
    return status;
}

static enum sc_status run_pin(struct sc_settings *settings, char *arguments, struct sc_error *err)
{
    char *rest = arguments, *glob = first_word(&rest);
    if (!*glob || !*rest)
        return sc_fail(err, SC_USAGE, "pin wants a glob and a strategy: pin layer.*.fc1 b@x f@y");
    remove_pins(&settings->pins, glob);
    return add_pin(settings, glob, rest, err);
}

/* A pin of the same glob goes; ops that a wider pin still covers are taken back by a later "free". */
static enum sc_status run_unpin(struct sc_settings *settings, char *arguments, struct sc_error *err)
{
    char *rest = arguments, *glob = first_word(&rest);
    size_t length;
    const char *strategy;
    int before = settings->pins.count;
    bool covered = false;
    if (!*glob || *rest)
        return sc_fail(err, SC_USAGE, "unpin wants one glob: unpin layer.*.fc1");
    remove_pins(&settings->pins, glob);
    for (int i = 0; i < settings->pins.count; i++) {
        char *pin = settings->pins.at[i];
        if (!plan_pin_split(pin, &length, &strategy))
            continue;
        pin[length] = '\0';
        covered |= sc_glob_match(pin, glob) && strcmp(strategy, "free") != 0;
        pin[length] = '=';
    }
    if (covered)
        return add_pin(settings, glob, "free", err);
    if (settings->pins.count == before)
        return sc_fail(err, SC_NOT_FOUND, "nothing is pinned as '%s'", glob);
    return SC_OK;
}

static enum sc_status run_set(struct sc_settings *settings, char *arguments, struct sc_error *err)
{
    char *rest = arguments, *name = first_word(&rest);
    const struct sc_option *option = sc_option_find(name);
    if (!*name)
        return sc_fail(err, SC_USAGE, "set wants a name and a value: set memory 12");
    if (option && !option->saved)
        return sc_fail(err, SC_USAGE, "--%s is of one run, not of a session", name);
    return sc_settings_set(settings, name, *rest || (option && option->argument) ? rest : NULL, err);
}

/* Back to the default: that of settings which were never touched. */
static enum sc_status run_reset(struct sc_settings *settings, char *arguments, struct sc_error *err)
{
    char *rest = arguments, *name = first_word(&rest);
    const struct sc_option *option = sc_option_find(name);
    struct sc_settings fresh;
    struct sc_str text = {0};
    enum sc_status status = SC_OK;
    if (!option || !option->saved)
        return sc_fail(err, SC_USAGE, "reset wants the name of an option: reset memory");
    sc_settings_init(&fresh);
    if (!sc_settings_set_model(&fresh, settings->model))
        status = sc_fail(err, SC_NO_MEMORY, "no memory for a setting");
    const struct sc_option *other;
    for (size_t i = 0; status == SC_OK && (other = sc_option_at(i)); i++) {
        if (other == option)
            continue;
        sc_str_clear(&text);
        other->get(settings, &text);
        for (char *line = text.length ? text.data : NULL; line && status == SC_OK;) {
            char *end = other->repeats ? strchr(line, '\n') : NULL;
            if (end)
                *end = '\0';
            status = sc_settings_set(&fresh, other->name, line, err);
            line = end ? end + 1 : NULL;
        }
    }
    sc_str_free(&text);
    if (status != SC_OK) {
        sc_settings_free(&fresh);
        return status;
    }
    sc_settings_free(settings);
    *settings = fresh;
    return SC_OK;
}

static enum sc_status run_clear(struct sc_settings *settings, char *arguments, struct sc_error *err)
{
    if (*arguments)
        return sc_fail(err, SC_USAGE, "clear takes nothing: it removes all pins");
    if (!settings->pins.count)
        return sc_fail(err, SC_NOT_FOUND, "nothing is pinned");
    plan_texts_free(&settings->pins);
    return SC_OK;
}

/* Those without `run` walk the log itself. */
static const struct {
    struct sc_verb verb;
    verb_run run;
} verbs[] = {
    {{"pin", "GLOB STRATEGY", "force a strategy on the ops that the glob matches"}, run_pin},
    {{"unpin", "GLOB", "take a pin back"}, run_unpin},
    {{"clear", "", "take all pins back"}, run_clear},
    {{"set", "NAME VALUE", "change an option: set memory 12, set cluster h100"}, run_set},
    {{"reset", "NAME", "an option back to its default"}, run_reset},
    {{"undo", "[N]", "take the last change back"}, NULL},
    {{"redo", "[N]", "make it again"}, NULL},
};

const struct sc_verb *sc_session_verb_at(size_t index)
{
    return index < SC_LEN(verbs) ? &verbs[index].verb : NULL;
}

static enum sc_status run_one(struct sc_settings *settings, char *command, struct sc_error *err)
{
    char *rest = command, *name = first_word(&rest);
    const char *names[SC_LEN(verbs)];
    for (char *end = rest + strlen(rest); end > rest && (end[-1] == ' ' || end[-1] == '\t');)
        *--end = '\0';
    for (size_t i = 0; i < SC_LEN(verbs); i++) {
        names[i] = verbs[i].verb.name;
        if (strcmp(names[i], name) == 0)
            return verbs[i].run ? verbs[i].run(settings, rest, err)
                                : sc_fail(err, SC_USAGE, "%s stands alone, not beside other commands", name);
    }
    const char *near = sc_nearest(name, names, SC_LEN(verbs));
    return sc_fail(err, SC_USAGE, "there is no command '%s'%s%s%s", name, near ? "; did you mean '" : "",
                   near ? near : "", near ? "'?" : "");
}

/* ---- the log ---- */

static void drop_steps(struct sc_session *session, size_t from)
{
    for (size_t i = from; i < session->steps.count; i++) {
        sc_free(session->steps.data[i].command);
        sc_settings_free(&session->steps.data[i].after);
    }
    session->steps.count = from;
}

enum sc_status sc_session_new(const struct sc_settings *settings, struct sc_session **out, struct sc_error *err)
{
    struct sc_session *session = sc_alloc(sizeof *session);
    if (!session || !sc_settings_copy(&session->first, settings)) {
        sc_free(session);
        return sc_fail(err, SC_NO_MEMORY, "no memory for a session");
    }
    session->saved_hash = sc_session_hash(session);
    *out = session;
    return SC_OK;
}

void sc_session_free(struct sc_session *session)
{
    if (!session)
        return;
    drop_steps(session, 0);
    sc_vec_free(&session->steps);
    sc_settings_free(&session->first);
    sc_free(session);
}

const struct sc_settings *sc_session_settings(const struct sc_session *session)
{
    return session->position ? &session->steps.data[session->position - 1].after : &session->first;
}

uint64_t sc_session_revision(const struct sc_session *session)
{
    return session->revision;
}

uint64_t sc_session_hash(const struct sc_session *session)
{
    return sc_settings_hash(sc_session_settings(session));
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

/* "undo", "redo 3": true when the command is one of them; *steps is negative for undo. */
static bool is_walk(const char *command, int64_t *steps)
{
    bool undo = strncmp(command, "undo", 4) == 0, redo = strncmp(command, "redo", 4) == 0;
    const char *rest = command + 4;
    if ((!undo && !redo) || (*rest && *rest != ' '))
        return false;
    rest += strspn(rest, " ");
    if (!*rest)
        *steps = 1;
    else if (!sc_parse_int(rest, steps) || *steps < 1)
        return false;
    if (undo)
        *steps = -*steps;
    return true;
}

static enum sc_status walk(struct sc_session *session, int64_t steps, struct sc_error *err)
{
    int64_t target = (int64_t)session->position + steps, count = (int64_t)session->steps.count;
    target = target < 0 ? 0 : target > count ? count : target;
    if (target == (int64_t)session->position)
        return sc_fail(err, SC_NOT_FOUND, steps < 0 ? "nothing to undo" : "nothing to redo");
    session->position = (size_t)target;
    session->revision++;
    return SC_OK;
}

/* Several commands, separated by ";", on a copy: all or none. */
static enum sc_status run_all(struct sc_settings *settings, const char *command, struct sc_error *err)
{
    size_t size = strlen(command) + 1;
    char *copy = sc_alloc(size);
    enum sc_status status = copy ? SC_OK : sc_fail(err, SC_NO_MEMORY, "no memory for a command");
    int count = 0;
    if (copy)
        memcpy(copy, command, size);
    for (char *one = copy; status == SC_OK && one;) {
        char *end = strchr(one, ';');
        if (end)
            *end = '\0';
        if (one[strspn(one, " \t")]) {
            status = run_one(settings, one, err);
            count++;
        }
        one = end ? end + 1 : NULL;
    }
    sc_free(copy);
    return status == SC_OK && !count ? sc_fail(err, SC_USAGE, "an empty command") : status;
}

enum sc_status sc_session_apply(struct sc_session *session, const char *command, struct sc_error *err)
{
    int64_t steps;
    struct step step = {0};
    command += strspn(command, " \t");
    if (is_walk(command, &steps))
        return walk(session, steps, err);
    if (!sc_settings_copy(&step.after, sc_session_settings(session)))
        return sc_fail(err, SC_NO_MEMORY, "no memory for a change");
    enum sc_status status = run_all(&step.after, command, err);
    if (status == SC_OK && !(plan_text_set(&step.command, command) &&
                             sc_vec_reserve(&session->steps, session->position + 1)))
        status = sc_fail(err, SC_NO_MEMORY, "no memory for a change");
    if (status != SC_OK) {
        sc_free(step.command);
        sc_settings_free(&step.after);
        return status;
    }
    drop_steps(session, session->position);
    session->steps.data[session->steps.count++] = step;
    session->position = session->steps.count;
    session->revision++;
    return SC_OK;
}

/* ---- files ---- */

enum sc_status sc_session_save(struct sc_session *session, const char *path, struct sc_error *err)
{
    struct sc_json_writer w;
    struct sc_str text = {0};
    sc_json_begin(&w, &text);
    sc_json_open_object(&w, NULL, false);
    sc_json_put_int(&w, "stagecut", 1);
    sc_json_put_string(&w, "kind", "session");
    plan_settings_write(&w, &session->first);
    sc_json_open_array(&w, "log", false);
    for (size_t i = 0; i < session->steps.count; i++)
        sc_json_put_string(&w, NULL, session->steps.data[i].command);
    sc_json_close(&w);
    sc_json_put_int(&w, "position", (int64_t)session->position);
    sc_json_close(&w);
    sc_str_add(&text, "\n");
    enum sc_status status = text.failed ? sc_fail(err, SC_NO_MEMORY, "no memory to write the session")
                                        : sc_file_write(path, sc_str_text(&text), text.length, err);
    if (status == SC_OK)
        session->saved_hash = sc_session_hash(session);
    sc_str_free(&text);
    return status;
}

static enum sc_status replay(const struct sc_json_doc *doc, struct sc_session *session, struct sc_error *err)
{
    const struct sc_json *log, *root = sc_json_root(doc);
    int64_t position = 0;
    enum sc_status status = sc_json_want(doc, root, "log", true, SC_JSON_ARRAY, &log, err);
    for (const struct sc_json *item = status == SC_OK ? sc_json_first(log) : NULL; item; item = sc_json_next(item)) {
        struct sc_error why = {0};
        const char *command = sc_json_string(item);
        int64_t steps;
        if (!command || is_walk(command, &steps))
            return sc_json_fail(doc, item, err, "the log holds commands like \"pin GLOB STRATEGY\"");
        if (sc_session_apply(session, command, &why) != SC_OK)
            return sc_json_fail(doc, item, err, "%s", why.message);
    }
    if (status == SC_OK)
        status = sc_json_want_int(doc, root, "position", true, 0, (int64_t)session->steps.count, &position, err);
    if (status == SC_OK)
        session->position = (size_t)position;
    return status;
}

enum sc_status sc_session_load(const char *path, struct sc_session **out, struct sc_error *err)
{
    static const char *const known[] = {"stagecut", "kind", "settings", "log", "position", NULL};
    struct sc_json_doc *doc;
    struct sc_settings settings;
    struct sc_session *session = NULL;
    const char *kind = "";
    enum sc_status status = sc_json_load(path, &doc, err);
    if (status != SC_OK)
        return status;
    sc_settings_init(&settings);
    status = sc_json_version(doc, err);
    if (status == SC_OK)
        status = sc_json_want_string(doc, sc_json_root(doc), "kind", true, &kind, err);
    if (status == SC_OK && strcmp(kind, "session") != 0)
        status = sc_json_fail(doc, sc_json_get(sc_json_root(doc), "kind"), err, "\"kind\" is \"%s\"; expected \"session\"", kind);
    if (status == SC_OK)
        status = sc_json_only(doc, sc_json_root(doc), known, err);
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
    session->saved_hash = sc_session_hash(session);
    *out = session;
    return SC_OK;
}
