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

void plan_settings_write(struct sc_json_writer *w, const struct sc_settings *settings)
{
    struct sc_str text = {0};
    sc_json_open_object(w, "settings", false);
    sc_json_put_string(w, "model", settings->model);
    const struct sc_option *option;
    for (size_t i = 0; (option = sc_option_at(i)); i++) {
        if (!option->saved || option->repeats)
            continue;
        sc_str_clear(&text);
        option->get(settings, &text);
        if (text.length)
            sc_json_put_string(w, option->name, sc_str_text(&text));
    }
    const struct {
        const char *key;
        const struct sc_texts *texts;
    } lists[] = {{"set", &settings->sets}, {"pin", &settings->pins}};
    for (size_t i = 0; i < SC_LEN(lists); i++)
        plan_texts_write(w, lists[i].key, (const char *const *)lists[i].texts->at, lists[i].texts->count);
    sc_json_close(w);
    sc_str_free(&text);
}

/* An option's value may be a string or a list of strings. Its own error is put where the value stands. */
static enum sc_status read_setting(const struct sc_json_doc *doc, const struct sc_json *value, const char *name,
                                   struct sc_settings *settings, struct sc_error *err)
{
    struct sc_error why = {0};
    if (sc_json_type(value) == SC_JSON_ARRAY) {
        for (const struct sc_json *item = sc_json_first(value); item; item = sc_json_next(item)) {
            enum sc_status status = read_setting(doc, item, name, settings, err);
            if (status != SC_OK)
                return status;
        }
        return SC_OK;
    }
    if (sc_json_type(value) != SC_JSON_STRING)
        return sc_json_fail(doc, value, err, "a setting is a string, or a list of strings");
    if (sc_settings_set(settings, name, sc_json_string(value), &why) != SC_OK)
        return sc_json_fail(doc, value, err, "%s", why.message);
    return SC_OK;
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
            status = sc_settings_set_model(settings, model) ? SC_OK : SC_NO_MEMORY;
        }
        if (status != SC_OK)
            return status;
    }
    return SC_OK;
}
