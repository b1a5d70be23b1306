# What R and its packages say of the 375 scenes of the package, for tests/stats/test_against_r.py.
#
#     Rscript tests/helpers/statistics_in_r.R memnet/samples/scenes375.csv > tests/golden/statistics_in_r.json
#
# Needs psych, boot, sandwich, lmtest, clubSandwich and effectsize (Debian: r-cran-NAME).

scenes <- read.csv(commandArgs(TRUE)[1])
hit <- scenes$hit_rate
score <- scenes$score
answers <- scenes$responses
false_alarm <- scenes$false_alarms / scenes$responses
# As a second, worse predictor: the score of the next picture, mixed with the picture's own.
other <- (score + score[c(2:375, 1)]) / 2
group <- factor(sub("[0-9].*", "", scenes$image_id))
n <- nrow(scenes)

found <- list()
keep <- function(name, value) found[[name]] <<- unname(as.numeric(value))

# Two predictors of one truth: Williams's t, by psych.
for (method in c("pearson", "spearman")) {
  r <- function(x, y) cor(x, y, method = method)
  test <- psych::r.test(n, r12 = r(hit, score), r13 = r(hit, other), r23 = r(score, other))
  keep(paste0("williams_t_", method), test$t)
  keep(paste0("williams_p_", method), test$p)
}

# Partial and semi-partial correlations, by psych and by residuals.
columns <- data.frame(hit, score, answers, false_alarm)
ranks <- as.data.frame(lapply(columns, rank))
for (name in c("pearson", "spearman")) {
  data <- if (name == "pearson") columns else ranks
  keep(paste0("partial_", name), psych::partial.r(data, c(1, 2), c(3, 4))[1, 2])
  rest <- residuals(lm(score ~ answers + false_alarm, data))
  keep(paste0("semipartial_", name), cor(data$hit, rest))
}
small <- lm(hit ~ answers + false_alarm)
large <- lm(hit ~ answers + false_alarm + score)
keep("r_squared", c(summary(small)$r.squared, summary(large)$r.squared))
keep("increment_f", anova(small, large)$F[2])
keep("increment_p", anova(small, large)$`Pr(>F)`[2])

# The coefficient of a regression: HC3 errors, and CR2 errors by clusters with Satterthwaite's degrees of freedom.
standard <- as.data.frame(scale(columns))
fit <- lm(false_alarm ~ score + hit + answers, standard)
keep("coefficient", coef(fit)["score"])
keep("coefficient_hc3_p", lmtest::coeftest(fit, sandwich::vcovHC(fit, "HC3"))["score", 4])
robust <- clubSandwich::coef_test(fit, vcov = "CR2", cluster = group, test = "Satterthwaite")
keep("coefficient_cr2_p", robust["score", "p_Satt"])

# Groups: Welch's F and t, omega squared, Hedges' g.
welch <- oneway.test(score ~ group)
keep("welch_f", welch$statistic)
keep("welch_df", welch$parameter)
keep("welch_p", welch$p.value)
omega <- effectsize::F_to_omega2(welch$statistic, length(levels(group)) - 1, n - length(levels(group)))
keep("omega_squared", omega[[1]])
two <- group == "pn"
keep("welch_t_p", t.test(score[two], score[!two])$p.value)
keep("hedges_g", effectsize::hedges_g(score[two], score[!two])$Hedges_g)

# The score to be expected: isotonic regression of hit rates on scores, in the order of the scores.
fitted <- isoreg(score, hit)$yf
keep("isotonic", fitted)

# p values of several tests.
several <- c(0.04, 0.01, 0.03, 0.5, 0.012)
keep("several", several)
keep("holm", p.adjust(several, "holm"))
keep("benjamini_hochberg", p.adjust(several, "BH"))

# A percentile interval of rho by other resamples of the same pictures: the same but for chance.
set.seed(1)
resampled <- boot::boot(columns, function(d, i) cor(d$hit[i], d$score[i], method = "spearman"), 20000)
keep("spearman_interval", boot::boot.ci(resampled, type = "perc")$percent[4:5])

versions <- sapply(c("psych", "boot", "sandwich", "clubSandwich", "effectsize"),
                   function(p) paste(p, packageVersion(p)))
cat("{\n")
cat(sprintf('"made_by": "Rscript tests/helpers/statistics_in_r.R memnet/samples/scenes375.csv",\n'))
cat(sprintf('"versions": "%s; %s"', R.version.string, paste(versions, collapse = "; ")))
for (name in names(found)) {
  cat(sprintf(',\n"%s": [%s]', name, paste(sprintf("%.17g", found[[name]]), collapse = ", ")))
}
cat("\n}\n")
