{#-
    SQL that drops what earlier versions of the project built as marts and this one does
    not: it is not published, and would only take room. By name, as what else lies in the
    file may be the only copy.
    Usage: on-run-start in dbt_project.yml
-#}
{% macro drop_former_marts() -%}
    {%- for name in [
        'fct_accident_forecasts', 'fct_card_uses', 'fct_compared_neighborhoods',
        'fct_compared_periods', 'fct_compared_series', 'fct_kiosk_products',
        'fct_kiosk_profiles', 'fct_kiosk_trends', 'fct_landed_deliveries',
        'fct_neighborhood_excesses', 'fct_product_pairs', 'fct_product_spans',
        'fct_sales_silences', 'fct_seasonal_days', 'fct_seasonal_dispersions',
        'fct_series_correlations', 'fct_series_expectations', 'fct_series_judgements',
        'fct_series_periods'
    ] %}
    drop table if exists {{ target.database }}.marts.{{ name }};
    {%- endfor %}
{%- endmacro %}
