/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The verbs of a session, and reading them from a line.
 */
#include "plan/commands.h"

#include <string.h>

#define BLANKS " \t"

struct plan_verb {
    struct sc_verb face;
    int least, most; /* arguments */
    /* NULL: walks along the log, by so many steps for each of N */
    enum sc_status (*run)(struct sc_settings *settings, const char *const argument[2], struct sc_error *err);
    int direction;
};

/* ---- what verbs do ---- */

static enum sc_status run_pin(struct sc_settings *settings, const char *const argument[2], struct sc_error *err)
{
    const char *equals = strchr(argument[0], '=');
    if (strchr(argument[1], '=') || (equals && (equals == argument[0] || equals[-1] != '\\') && strchr(equals, '@')))
        return sc_fail(err, SC_USAGE,
                       "pin %s %s: expected a blank between glob and strategy, no '=': pin layer.*.fc1 b@x",
                       argument[0], argument[1]);
    return plan_pins_put(settings, argument[0], argument[1], err);
}

static enum sc_status run_unpin(struct sc_settings *settings, const char *const argument[2], struct sc_error *err)
{
    return plan_pins_release(settings, argument[0], err);
}

static enum sc_status run_clear(struct sc_settings *settings, const char *const argument[2], struct sc_error *err)
{
    (void)argument;
    if (!settings->pins.count)
        return sc_fail(err, SC_NOT_FOUND, "nothing is pinned");
    plan_texts_free(&settings->pins);
    return SC_OK;
}

static enum sc_status run_cut(struct sc_settings *settings, const char *const argument[2], struct sc_error *err)
{
    return plan_cut_set(settings, argument[0], PLAN_CUT, err);
}

static enum sc_status run_nocut(struct sc_settings *settings, const char *const argument[2], struct sc_error *err)
{
    return plan_cut_set(settings, argument[0], PLAN_NO_CUT, err);
}

static enum sc_status run_uncut(struct sc_settings *settings, const char *const argument[2], struct sc_error *err)
{
    return plan_cut_set(settings, argument[0], PLAN_CUT_FREE, err);
}

static enum sc_status run_stage(struct sc_settings *settings, const char *const argument[2], struct sc_error *err)
{
    return plan_stage_set(settings, argument[0], argument[1], err);
}

/* The option of that name, if a session may change it. */
static const struct sc_option *find_saved(const char *name, struct sc_error *err)
{
    const struct sc_option *option = sc_option_find(name);
    struct sc_settings none;
    if (option && option->saved)
        return option;
    if (option)
        sc_fail(err, SC_USAGE, "--%s is of one run, not of a session", name);
    else if (strchr(name, '='))
        sc_fail(err, SC_USAGE, "'%s' is no option; a parameter of the model is changed by: set set %s", name, name);
    else {
        sc_settings_init(&none);
        sc_settings_set(&none, name, NULL, err); /* says which name is near */
    }
    return NULL;
}

static enum sc_status run_set(struct sc_settings *settings, const char *const argument[2], struct sc_error *err)
{
    const struct sc_option *option = find_saved(argument[0], err);
    return option ? sc_settings_set(settings, option->name, argument[1], err) : SC_USAGE;
}

/* Set `to` to every text of `option` in `from`. */
static enum sc_status copy_option(const struct sc_settings *from, const struct sc_option *option,
                                  struct sc_settings *to, struct sc_error *err)
{
    struct sc_str text = {0};
    enum sc_status status = SC_OK;
    option->get(from, &text);
    if (text.failed)
        status = sc_fail(err, SC_NO_MEMORY, "no memory for a setting");
    for (char *line = text.length ? text.data : NULL; line && status == SC_OK;) {
        char *end = option->repeats ? strchr(line, '\n') : NULL;
        if (end)
            *end = '\0';
        status = sc_settings_set(to, option->name, line, err);
        line = end ? end + 1 : NULL;
    }
    sc_str_free(&text);
    return status;
}

/* Back to the default, by making the settings again without this option. */
static enum sc_status run_reset(struct sc_settings *settings, const char *const argument[2], struct sc_error *err)
{
    const struct sc_option *option = find_saved(argument[0], err), *other;
    struct sc_settings fresh;
    if (!option)
        return SC_USAGE;
    sc_settings_init(&fresh);
    enum sc_status status =
        sc_settings_set_model(&fresh, settings->model) ? SC_OK : sc_fail(err, SC_NO_MEMORY, "no memory for a setting");
    for (size_t i = 0; status == SC_OK && (other = sc_option_at(i)); i++)
        if (other != option)
            status = copy_option(settings, other, &fresh, err);
    if (status != SC_OK) {
        sc_settings_free(&fresh);
        return status;
    }
    sc_settings_free(settings);
    *settings = fresh;
    return SC_OK;
}

static const struct plan_verb verbs[] = {
    {{"pin", "GLOB STRATEGY", "force a strategy on the ops that the glob matches"}, 2, 2, run_pin, 0},
    {{"unpin", "GLOB", "let go of the ops that the glob matches"}, 1, 1, run_unpin, 0},
    {{"clear", "", "take all pins back"}, 0, 0, run_clear, 0},
    {{"cut", "LAYER", "a stage begins at this layer"}, 1, 1, run_cut, 0},
    {{"nocut", "LAYER", "no stage begins at this layer"}, 1, 1, run_nocut, 0},
    {{"uncut", "LAYER", "take back what was said about a cut at this layer"}, 1, 1, run_uncut, 0},
    {{"stage", "N HxD[:RxC]", "submesh of stage N, hosts x devices, and its logical mesh; or free"},
     2,
     2,
     run_stage,
     0},
    {{"set", "NAME VALUE", "change an option: set memory 12, set cluster h100"}, 1, 2, run_set, 0},
    {{"reset", "NAME", "an option back to its default"}, 1, 1, run_reset, 0},
    {{"undo", "[N]", "take the last change back, or the last N"}, 0, 1, NULL, -1},
    {{"redo", "[N]", "make it again"}, 0, 1, NULL, 1},
};

const struct sc_verb *sc_session_verb_at(size_t index)
{
    return index < SC_LEN(verbs) ? &verbs[index].face : NULL;
}

static const struct plan_verb *find_verb(const char *name, struct sc_error *err)
{
    const char *names[SC_LEN(verbs)];
    for (size_t i = 0; i < SC_LEN(verbs); i++) {
        names[i] = verbs[i].face.name;
        if (strcmp(names[i], name) == 0)
            return &verbs[i];
    }
    const char *near = sc_nearest(name, names, SC_LEN(verbs));
    sc_fail(err, SC_USAGE, "there is no command '%s'%s%s%s", name, near ? "; did you mean '" : "", near ? near : "",
            near ? "'?" : "");
    return NULL;
}

/* ---- reading ---- */

static char *skip_blanks(char *text)
{
    return text + strspn(text, BLANKS);
}

/* The end of the command that begins at `text`: its ";" or the end of the line. Quotes hide a ";". */
static char *command_end(char *text)
{
    for (bool begins = true; *text && *text != ';'; text++) {
        if (begins && *text == '"')
            for (text++; *text && *text != '"'; text++)
                text += *text == '\\' && text[1];
        if (!*text)
            break;
        begins = strchr(BLANKS, *text) != NULL;
    }
    return text;
}

/* A quoted argument at *rest, unquoted in place; *rest moves behind it. */
static enum sc_status take_quoted(char **rest, const char **out, struct sc_error *err)
{
    char *from = *rest + 1, *to = *rest + 1;
    *out = to;
    while (*from && *from != '"') {
        from += *from == '\\' && (from[1] == '"' || from[1] == '\\');
        *to++ = *from++;
    }
    if (!*from)
        return sc_fail(err, SC_USAGE, "a quoted argument without a closing \"");
    if (from[1] && !strchr(BLANKS, from[1]))
        return sc_fail(err, SC_USAGE, "a closing \" is followed by '%s'; expected a blank", from + 1);
    *rest = skip_blanks(from + 1);
    *to = '\0';
    return SC_OK;
}

/* The next argument, of which there is a letter at least: a word, or all that is left. */
static enum sc_status take_argument(char **rest, bool all, const char **out, struct sc_error *err)
{
    char *end = *rest + (all ? strlen(*rest) : strcspn(*rest, BLANKS));
    if (**rest == '"')
        return take_quoted(rest, out, err);
    *out = *rest;
    *rest = skip_blanks(end);
    while (all && strchr(BLANKS, end[-1]))
        end--;
    *end = '\0';
    return SC_OK;
}

/* One command, which stands alone in `text`. */
static enum sc_status parse_command(char *text, struct plan_line *line, struct sc_error *err)
{
    struct plan_call call = {0};
    const char *name;
    int count = 0;
    enum sc_status status = take_argument(&text, false, &name, err);
    if (status == SC_OK && !(call.verb = find_verb(name, err)))
        status = SC_USAGE;
    while (status == SC_OK && *text && count < call.verb->most) {
        status = take_argument(&text, count == 1, &call.argument[count], err);
        count++;
    }
    if (status == SC_OK && (*text || count < call.verb->least)) {
        const struct sc_verb *face = &call.verb->face;
        status = sc_fail(err, SC_USAGE, "%s%s%s: expected %s%s%s", face->name, *text ? " … " : "", text, face->name,
                         *face->arguments ? " " : "", face->arguments);
    }
    if (status == SC_OK && !sc_vec_push(&line->calls, call))
        status = sc_fail(err, SC_NO_MEMORY, "no memory for a command");
    return status;
}

/* "undo 3", which stands alone. */
static enum sc_status parse_walk(struct plan_line *line, struct sc_error *err)
{
    for (size_t i = 0; i < line->calls.count; i++) {
        const struct plan_call *call = &line->calls.data[i];
        const char *name = call->verb->face.name, *steps = call->argument[0];
        if (call->verb->run)
            continue;
        if (line->calls.count > 1)
            return sc_fail(err, SC_USAGE, "%s stands alone, not beside other commands", name);
        line->walk = 1;
        if (steps && (!sc_parse_int(steps, &line->walk) || line->walk < 1 || line->walk > INT32_MAX))
            return sc_fail(err, SC_USAGE, "%s '%s': expected a number of steps from 1 on", name, steps);
        line->walk *= call->verb->direction;
    }
    return SC_OK;
}

enum sc_status plan_line_parse(const char *text, struct plan_line *line, struct sc_error *err)
{
    enum sc_status status = SC_OK;
    if (text[strcspn(text, "\n\r")])
        return sc_fail(err, SC_USAGE, "a command is one line");
    if (!plan_text_set(&line->text, text))
        return sc_fail(err, SC_NO_MEMORY, "no memory for a command");
    for (char *at = line->text; status == SC_OK && at;) {
        char *end = command_end(at), *next = *end ? end + 1 : NULL;
        *end = '\0';
        at = skip_blanks(at);
        if (*at)
            status = parse_command(at, line, err);
        at = next;
    }
    if (status == SC_OK && line->calls.count == 0)
        status = sc_fail(err, SC_USAGE, "an empty command; expected a verb like pin, set or undo");
    return status == SC_OK ? parse_walk(line, err) : status;
}

void plan_line_free(struct plan_line *line)
{
    sc_vec_free(&line->calls);
    sc_free(line->text);
    *line = (struct plan_line){0};
}

enum sc_status plan_line_run(const struct plan_line *line, struct sc_settings *settings, struct sc_error *err)
{
    enum sc_status status = SC_OK;
    for (size_t i = 0; status == SC_OK && i < line->calls.count; i++)
        status = line->calls.data[i].verb->run(settings, line->calls.data[i].argument, err);
    return status;
}

void sc_session_put_op(struct sc_str *out, const char *name)
{
    bool quote = !*name || *name == '"' || name[strcspn(name, BLANKS ";")];
    sc_str_add(out, quote ? "\"" : "");
    for (; *name; name++) {
        bool special = strchr("*?[\\=", *name) != NULL;
        if (special)
            sc_str_add(out, quote ? "\\\\" : "\\"); /* a backslash of the glob */
        if (quote && (*name == '"' || *name == '\\'))
            sc_str_add(out, "\\"); /* one of the quote */
        sc_str_addn(out, name, 1);
    }
    sc_str_add(out, quote ? "\"" : "");
}
