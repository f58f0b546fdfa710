package sqlitescope

import (
	"strings"

	"modernc.org/sqlite"
)

// authorize is asked by SQLite for each thing that a statement would do, while the statement is
// compiled. Actions that it does not know are refused.
func (h *handle) authorize(action sqlite.AuthorizerActionCode, arg1, arg2, database, _ string) sqlite.AuthorizerReturnCode {
	if h.allows(action, arg1, arg2, database) {
		return sqlite.AuthorizerOK
	}
	h.store.refused.Add(1)
	return sqlite.AuthorizerDeny
}

func (h *handle) allows(action sqlite.AuthorizerActionCode, arg1, arg2, database string) bool {
	if action == sqlite.AuthAlterTable { // its third argument may be a column
		return h.migrates() && arg1 == "main"
	}
	// There is one file. "temp" is state that would outlive the call.
	if database != "" && database != "main" {
		return h.ownRename(action, arg1, database)
	}
	switch action {
	case sqlite.AuthSelect, sqlite.AuthRecursive:
		return true
	case sqlite.AuthRead:
		return readable(arg1)
	case sqlite.AuthInsert, sqlite.AuthUpdate, sqlite.AuthDelete:
		// The engine's own tables change as the schema does. Its defensive mode refuses to
		// change them by name, here too.
		return !h.readOnly && (!hasPrefixFold(arg1, "sqlite_") || h.migrates())
	case sqlite.AuthFunction:
		name := strings.ToLower(arg2)
		return functions[name] || h.migrates() && renames[name]
	case sqlite.AuthTransaction:
		// BEGIN and COMMIT as text would leave a connection inside a transaction.
		return h.control
	case sqlite.AuthSavepoint:
		// Outside a transaction it begins one.
		return h.inTx
	case sqlite.AuthPragma:
		return h.allowsPragma(strings.ToLower(arg1), arg2)
	case sqlite.AuthCreateVTable, sqlite.AuthDropVTable:
		return h.migrates() && modules[strings.ToLower(arg2)]
	case sqlite.AuthCreateTable, sqlite.AuthCreateIndex, sqlite.AuthCreateTrigger, sqlite.AuthCreateView,
		sqlite.AuthDropTable, sqlite.AuthDropIndex, sqlite.AuthDropTrigger, sqlite.AuthDropView,
		sqlite.AuthReindex, sqlite.AuthAnalyze:
		return h.migrates()
	}
	return false // ATTACH, DETACH, everything temporary, and what later engines bring
}

// ownRename reports whether the engine looks through the schema of temporary objects, of which
// there are none, for those that a renamed table or column would break.
func (h *handle) ownRename(action sqlite.AuthorizerActionCode, table, database string) bool {
	return database == "temp" && h.migrates() && (action == sqlite.AuthRead || action == sqlite.AuthUpdate) &&
		(table == "sqlite_temp_master" || table == "sqlite_temp_schema" || table == "sqlite_master" || table == "sqlite_schema")
}

// readable refuses the tables through which the engine shows pages, connections and paths.
func readable(table string) bool {
	table = strings.ToLower(table)
	if pragma, is := strings.CutPrefix(table, "pragma_"); is {
		return pragmasRead[pragma] || pragmasOfTable[pragma]
	}
	switch table {
	case "sqlite_dbpage", "sqlite_stmt", "dbstat", "bytecode", "tables_used", "sqlite_temp_master", "sqlite_temp_schema":
		return false
	}
	return true
}

func (h *handle) allowsPragma(name, value string) bool {
	switch {
	case value == "" && pragmasRead[name], pragmasOfTable[name]:
		return true
	case name == "defer_foreign_keys": // ends with the transaction
		return true
	}
	return h.migrates() && pragmasOfMigration[name]
}

func set(names string) map[string]bool {
	m := map[string]bool{}
	for _, name := range strings.Fields(names) {
		m[name] = true
	}
	return m
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// The lists of what a statement may use. A test holds them against everything that the engine
// has, so that a new version brings nothing unseen.
var (
	// pragmasRead may be read, and not set.
	pragmasRead = set("foreign_keys user_version journal_mode encoding page_count page_size freelist_count data_version collation_list compile_options")

	// pragmasOfTable describe the schema, or check it; their value is the name of a table or
	// an index, or a number.
	pragmasOfTable = set("table_info table_xinfo table_list index_list index_info index_xinfo foreign_key_list foreign_key_check integrity_check quick_check")

	// pragmasOfMigration may be set while the schema changes. The connection is closed then.
	pragmasOfMigration = set("foreign_keys user_version legacy_alter_table")

	// modules are the virtual tables that keep everything in the file.
	modules = set("fts5 fts5vocab rtree rtree_i32 geopoly")

	// renames are the functions by which the engine itself rewrites a schema. It refuses them
	// to everyone else.
	renames = set("sqlite_rename_column sqlite_rename_table sqlite_rename_test sqlite_rename_quotefix sqlite_drop_column sqlite_drop_constraint sqlite_add_constraint sqlite_find_constraint sqlite_fail")

	// functions compute from their arguments, the rows and the clock. Not among them are
	// load_extension, and sqlite_log, which writes to the log of the process.
	functions = set(`-> ->> abs acos acosh asin asinh atan atan2 atanh avg bm25 ceil ceiling changes char coalesce concat concat_ws cos cosh
		count cume_dist current_date current_time current_timestamp date datetime degrees dense_rank exp first_value floor format
		fts5 fts5_get_locale fts5_insttoken fts5_locale fts5_source_id
		geopoly_area geopoly_bbox geopoly_blob geopoly_ccw geopoly_contains_point geopoly_debug geopoly_group_bbox geopoly_json geopoly_overlap geopoly_regular geopoly_svg geopoly_within geopoly_xform
		glob group_concat hex highlight if ifnull iif instr json json_array json_array_insert json_array_length json_error_position json_extract json_group_array json_group_object
		json_insert json_object json_patch json_pretty json_quote json_remove json_replace json_set json_type json_valid jsonb jsonb_array jsonb_array_insert jsonb_extract jsonb_group_array
		jsonb_group_object jsonb_insert jsonb_object jsonb_patch jsonb_remove jsonb_replace jsonb_set julianday lag last_insert_rowid last_value lead length like likelihood likely ln
		log log10 log2 lower ltrim match max min mod nth_value ntile nullif octet_length percent_rank pi pow power printf quote radians random randomblob rank replace round row_number
		rtreecheck rtreedepth rtreenode rtrim sign sin sinh snippet soundex sqlite_compileoption_get sqlite_compileoption_used sqlite_offset sqlite_source_id sqlite_version sqrt
		strftime string_agg substr substring subtype sum tan tanh time timediff total total_changes trim trunc typeof unhex unicode unistr unistr_quote unixepoch unlikely upper zeroblob`)
)
