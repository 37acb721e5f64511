package store

// FigureQueries are those that read the log.
func FigureQueries() []string { return []string{openWrites, dueWrites, oldestDoubt, alarmFigures} }
