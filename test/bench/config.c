/*
 * config.c
 *	  The file of configurations.
 */
#define _GNU_SOURCE /* vasprintf */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "form.h"

#define MAX_CONFIGS 200

static char *
next_field(char **rest)
{
	char *field = strsep(rest, "\t");

	return strdup(field != NULL ? field : "-");
}

static char *
formatted(const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		die("out of memory");
	va_end(args);
	return text;
}

static void
add_config(Config *configs, size_t *n, Config config)
{
	if (*n == MAX_CONFIGS)
		die("more than %d configurations", MAX_CONFIGS);
	configs[(*n)++] = config;
}

/* A line for each value of the first list, or the one that there is */
static void
add_line(Config *configs, size_t *n, Config config)
{
	const char *open = strchr(config.settings, '{');
	const char *close = open != NULL ? strchr(open, '}') : NULL;
	char *values;
	char *rest;
	const char *value;

	if (close == NULL)
	{
		add_config(configs, n, config);
		return;
	}
	values = rest = strndup(open + 1, (size_t) (close - open - 1));
	while ((value = strsep(&rest, ",")) != NULL)
	{
		Config one = config;

		one.label = formatted("%s %s", config.label, value);
		one.settings = formatted("%.*s%s%s", (int) (open - config.settings),
								 config.settings, value, close + 1);
		add_line(configs, n, one);
	}
	free(values);
}

Config *
config_read(const char *path, size_t *n)
{
	FILE *file = fopen(path, "r");
	Config *configs = calloc(MAX_CONFIGS, sizeof(Config));
	char *line = NULL;
	size_t capacity = 0;

	*n = 0;
	if (file == NULL)
		die("%s could not be read", path);
	while (getline(&line, &capacity, file) > 0)
	{
		char *rest = line;
		Config config;

		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#' || line[0] == '\0')
			continue;
		config.servers = next_field(&rest);
		config.label = next_field(&rest);
		config.definition = next_field(&rest);
		config.settings = next_field(&rest);
		add_line(configs, n, config);
	}
	free(line);
	fclose(file);
	return configs;
}

bool
config_concerns(const Config *config, const Server *server)
{
	return strcmp(config->servers, "all") == 0 ||
		strcmp(config->servers, server->name) == 0;
}

bool
config_begins_index(const Config *configs, size_t c, const Server *server)
{
	const char *definition = configs[c].definition;

	if (!config_concerns(&configs[c], server) || strcmp(definition, "-") == 0)
		return false;
	while (c-- > 0)
	{
		if (config_concerns(&configs[c], server))
			return strcmp(configs[c].definition, definition) != 0;
	}
	return true;
}

char *
config_index(const Config *config)
{
	return strndup(config->label, strcspn(config->label, ","));
}

/* The text with value in the place of a word, to be freed */
static char *
replaced(const char *text, const char *word, const char *value)
{
	const char *mark = strstr(text, word);

	if (mark == NULL)
		return strdup(text);
	return formatted("%.*s%s%s", (int) (mark - text), text, value,
					 mark + strlen(word));
}

char *
config_create_index(const Config *config, const Dataset *set,
					const char *attributes)
{
	char *class =
		formatted("%s_%s_ops", form_name(set->form), metric_name(set->metric));
	char *classed = replaced(config->definition, "OPS", class);
	char *definition =
		replaced(classed, "ATTRS", attributes != NULL ? attributes : "ATTRS");
	char *create =
		formatted("CREATE INDEX items_index ON items %s", definition);

	free(class);
	free(classed);
	free(definition);
	return create;
}
