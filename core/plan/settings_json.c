/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Settings in files: a member "settings" with option names and texts, in plans and sessions alike.
 */
#include <string.h>

#include "plan/internal.h"

void plan_texts_write(struct sc_json_writer *w, const char *key, const char *const *texts, int count)
{
    sc_json_open_array(w, key, false);
    for (int i = 0; i < count; i++)
        sc_json_put_string(w, NULL, texts[i]);
    sc_json_close(w);
}

/* What a getter wrote: a string, or for an option that repeats a list of its lines. */
static void write_setting(struct sc_json_writer *w, const struct sc_option *option, struct sc_str *text)
{
    if (!option->repeats) {
        sc_json_put_string(w, option->name, sc_str_text(text));
        return;
    }
    sc_json_open_array(w, option->name, false);
    for (char *line = text->data; line;) {
        char *end = strchr(line, '\n');
        if (end)
            *end = '\0';
        sc_json_put_string(w, NULL, line);
        line = end ? end + 1 : NULL;
    }
    sc_json_close(w);
}

void plan_settings_write(struct sc_json_writer *w, const struct sc_settings *settings)
{
    const struct sc_option *option;
    sc_json_open_object(w, "settings", false);
    if (settings->model)
        sc_json_put_string(w, "model", settings->model);
    for (size_t i = 0; (option = sc_option_at(i)); i++) {
        struct sc_str text = {0};
        if (option->saved)
            option->get(settings, &text);
        if (text.length)
            write_setting(w, option, &text);
        w->out->failed |= text.failed;
        sc_str_free(&text);
    }
    sc_json_close(w);
}

/* An option's own error is put where the value stands. */
static enum sc_status read_text(const struct sc_json_doc *doc, const struct sc_json *value, const char *name,
                                struct sc_settings *settings, struct sc_error *err)
{
    struct sc_error why = {0};
    if (sc_json_type(value) != SC_JSON_STRING)
        return sc_json_fail(doc, value, err, "found %s; expected a string", sc_json_type_name(sc_json_type(value)));
    enum sc_status status = sc_settings_set(settings, name, sc_json_string(value), &why);
    if (status == SC_NO_MEMORY)
        return sc_fail(err, status, "%s", why.message);
    return status == SC_OK ? SC_OK : sc_json_fail(doc, value, err, "%s", why.message);
}

/* A string, or a list of strings where the option repeats. */
static enum sc_status read_setting(const struct sc_json_doc *doc, const struct sc_json *value, const char *name,
                                   struct sc_settings *settings, struct sc_error *err)
{
    const struct sc_option *option = sc_option_find(name);
    enum sc_status status = SC_OK;
    if (option && !option->saved)
        return sc_json_fail(doc, value, err, "\"%s\" is of one run, not of a file", name);
    if (!option || !option->repeats || sc_json_type(value) != SC_JSON_ARRAY)
        return read_text(doc, value, name, settings, err);
    for (const struct sc_json *item = sc_json_first(value); item && status == SC_OK; item = sc_json_next(item))
        status = read_text(doc, item, name, settings, err);
    return status;
}

enum sc_status plan_settings_read(const struct sc_json_doc *doc, const struct sc_json *parent,
                                  struct sc_settings *settings, struct sc_error *err)
{
    const struct sc_json *object;
    enum sc_status status = sc_json_want(doc, parent, "settings", true, SC_JSON_OBJECT, &object, err);
    if (status != SC_OK)
        return status;
    for (const struct sc_json *m = sc_json_first(object); m; m = sc_json_next(m)) {
        if (strcmp(sc_json_key(m), "model") != 0) {
            status = read_setting(doc, m, sc_json_key(m), settings, err);
        } else {
            const char *model = sc_json_string(m);
            if (!model)
                return sc_json_fail(doc, m, err, "the model is a file name, not %s",
                                    sc_json_type_name(sc_json_type(m)));
            if (!sc_settings_set_model(settings, model))
                return sc_fail(err, SC_NO_MEMORY, "no memory for a setting");
        }
        if (status != SC_OK)
            return status;
    }
    return SC_OK;
}
