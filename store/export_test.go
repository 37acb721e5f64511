package store

// FigureQueries are those that read the log.
func FigureQueries() []string { return []string{queuedWrites, openWrites, oldestDoubt, alarmFigures} }

// TroubledQuery is what TroubledWrites asks.
const TroubledQuery = troubledWrites
