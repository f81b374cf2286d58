/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "plans.h"

struct sc_plan *plan_make(const char *model, const char *const *options)
{
    struct sc_settings settings;
    struct sc_error err = {0};
    struct sc_loader loader = sc_import_loader();
    struct sc_planner *planner = sc_planner_new(&loader);
    struct sc_plan *plan = NULL;
    sc_settings_init(&settings);
    assert_true(sc_settings_set_model(&settings, model));
    for (; *options; options++) {
        char name[64];
        size_t length = strcspn(*options, " ");
        memcpy(name, *options, length);
        name[length] = '\0';
        if (sc_settings_set(&settings, name, *options + length + 1, &err) != SC_OK)
            fail_msg("%s: %s", *options, err.message);
    }
    struct sc_plan_request request = {.settings = &settings};
    if (sc_planner_make(planner, &request, &plan, &err) != SC_OK)
        fail_msg("%s", err.message);
    assert_non_null(plan->choice);
    sc_planner_free(planner);
    sc_settings_free(&settings);
    return plan;
}

struct sc_plan *plan_gpt(void)
{
    return plan_make("gpt-125m", (const char *const[]){"set layers=6", "batch 64", "microbatches 8", "stages 3",
                                                       "pin layer.*.mlp.fc1=b@x f@y", "stage-mesh 1=1x4:2x2", NULL});
}

struct sc_plan *plan_t5(void)
{
    return plan_make("t5-3b", (const char *const[]){"cluster h100", "set layers=2", "batch 32", "microbatches 4",
                                                    "stages 4", "cut decoder.0", "cut decoder.1", NULL});
}

struct sc_plan *plan_mlp(void)
{
    return plan_make("mlp-2", (const char *const[]){"mesh 2x2", "devices 4", NULL});
}

struct sc_str plan_text(const struct sc_plan *plan, const char *format)
{
    struct sc_str text = {0};
    struct sc_error err = {0};
    if (sc_export(plan, format, NULL, &text, &err) != SC_OK)
        fail_msg("%s: %s", format, err.message);
    assert_true(text.length > 0 && text.data[text.length - 1] == '\n');
    return text;
}

struct sc_json_doc *plan_json(const struct sc_plan *plan, const char *format)
{
    struct sc_str text = plan_text(plan, format);
    struct sc_json_doc *doc;
    struct sc_error err = {0};
    if (sc_json_parse(format, sc_str_text(&text), text.length, &doc, &err) != SC_OK)
        fail_msg("%s: %s", format, err.message);
    sc_str_free(&text);
    return doc;
}

double number_of(const struct sc_json *object, const char *key)
{
    const struct sc_json *value = sc_json_get(object, key);
    if (!value || sc_json_type(value) != SC_JSON_NUMBER)
        fail_msg("there is no number \"%s\"", key);
    return sc_json_number(value);
}

const char *text_of(const struct sc_json *object, const char *key)
{
    const struct sc_json *value = sc_json_get(object, key);
    if (!value || sc_json_type(value) != SC_JSON_STRING)
        fail_msg("there is no text \"%s\"", key);
    return sc_json_string(value);
}

const struct sc_json *item_of(const struct sc_json *list, int index)
{
    const struct sc_json *item = list ? sc_json_first(list) : NULL;
    while (item && index-- > 0)
        item = sc_json_next(item);
    assert_non_null(item);
    return item;
}
