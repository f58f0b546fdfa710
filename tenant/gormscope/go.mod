module github.com/reevehq/reeve/tenant/gormscope

go 1.26.0

require (
	github.com/reevehq/reeve v0.0.0
	gorm.io/gorm v1.31.2
)

require (
	github.com/jinzhu/inflection v1.0.0 // indirect
	github.com/jinzhu/now v1.1.5 // indirect
	golang.org/x/text v0.43.0 // indirect
)
