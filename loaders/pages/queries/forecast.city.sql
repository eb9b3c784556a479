select * from rpt_accident_forecast
where area_kind = 'city_total' and origin_date = (
    select max(origin_date) from rpt_accident_forecast
)
order by forecast_date, vintage
